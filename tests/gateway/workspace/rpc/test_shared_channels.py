"""Shared channels as the SDK's client sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError
from mattermost_plugin.models import Channel, SharedChannel, Team
from servehttp.workspace.domains.sharing.shared_channels import Cursor
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_user

pytestmark = pytest.mark.anyio

ME = "com.example.me"


async def test_every_method_does_its_work(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    ada = await a_user(ws)
    team = await ws.teams.create(Team(name="team", display_name="Team", type="O"))
    channel = await ws.channels.create(Channel(team_id=team.id, name="bridge", display_name="Bridge", type="O"))
    remote_id = await api.register_plugin_for_shared_channels(ME, "Bridge")
    share = SharedChannel(channel_id=channel.id, share_name="bridge", creator_id=ada.id)
    shared = await api.share_channel(share)
    assert (await api.update_shared_channel(replace(shared, share_header="Hi"))).share_header == "Hi"
    await api.invite_remote_to_channel(channel.id, remote_id, ada.id)
    await api.update_shared_channel_cursor(channel.id, remote_id, 7, "p" * 26)
    assert await ws.shared_channels.cursor(channel.id, remote_id) == Cursor(7, "p" * 26)
    await api.sync_shared_channel(channel.id)
    await api.uninvite_remote_from_channel(channel.id, remote_id)
    assert await api.unshare_channel(channel.id)
    assert not await api.unshare_channel(channel.id)
    with pytest.raises(NotFoundError):
        await api.sync_shared_channel(channel.id)
    await api.unregister_plugin_for_shared_channels(ME)
    with pytest.raises(NotFoundError):
        await api.unregister_plugin_for_shared_channels(ME)
