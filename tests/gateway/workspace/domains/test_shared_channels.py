"""Shared channels, and the remotes that they are shared with."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace

import pytest

from mattermost_plugin.grpc import hooks_command_pb2 as pb
from mattermost_plugin.models import Channel, SharedChannel, Team
from servehttp.workspace.domains.sharing.shared_channels import Cursor
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, FakePlugin, a_user

pytestmark = pytest.mark.anyio

PLUGIN = "com.example.bridge"


async def refusal(action: Awaitable[object]) -> int:
    with pytest.raises(AppFailure) as refused:
        await action
    return refused.value.status


@pytest.fixture
async def channel(ws: Workspace) -> Channel:
    ada = await a_user(ws)
    team = await ws.teams.create(Team(name="team", display_name="Team", type="O"))
    return await ws.channels.create(
        Channel(team_id=team.id, name="bridge", display_name="Bridge", type="O", creator_id=ada.id)
    )


def broken(request: pb.OnSharedChannelsPingRequest) -> pb.OnSharedChannelsPingResponse:
    raise RuntimeError("broken")


def a_share(channel: Channel) -> SharedChannel:
    return SharedChannel(channel_id=channel.id, share_name="bridge", creator_id=channel.creator_id)


async def test_a_plugin_is_one_remote_however_often_it_registers(ws: Workspace) -> None:
    remote_id = await ws.remotes.register(PLUGIN, "Bridge")
    assert await ws.remotes.register(PLUGIN, "Better bridge") == remote_id
    remote = await ws.remotes.get(remote_id)
    assert (remote.plugin_id, remote.display_name) == (PLUGIN, "Better bridge")
    await ws.remotes.unregister(PLUGIN)
    assert await refusal(ws.remotes.unregister(PLUGIN)) == 404
    assert await refusal(ws.remotes.get(remote_id)) == 404


async def test_a_channel_knows_whether_it_is_shared(ws: Workspace, channel: Channel) -> None:
    shared = await ws.shared_channels.share(a_share(channel))
    assert (shared.team_id, shared.type, shared.home) == (channel.team_id, "O", "true")
    assert (await ws.channels.get(channel.id)).shared
    assert await refusal(ws.shared_channels.share(a_share(channel))) == 400
    assert await ws.shared_channels.unshare(channel.id)
    assert not await ws.shared_channels.unshare(channel.id)
    assert not (await ws.channels.get(channel.id)).shared


async def test_only_channels_that_are_there_are_shared_and_under_a_name(ws: Workspace, channel: Channel) -> None:
    assert await refusal(ws.shared_channels.share(replace(a_share(channel), channel_id="x" * 26))) == 404
    assert await refusal(ws.shared_channels.share(replace(a_share(channel), share_name=""))) == 400
    assert await refusal(ws.shared_channels.update(a_share(channel))) == 404


async def test_an_update_changes_what_a_channel_is_shared_as(ws: Workspace, channel: Channel) -> None:
    shared = await ws.shared_channels.share(a_share(channel))
    new = await ws.shared_channels.update(replace(shared, share_purpose="to talk", creator_id="x" * 26, home=""))
    assert (new.share_purpose, new.creator_id, new.home) == ("to talk", channel.creator_id, "true")
    assert await ws.shared_channels.get(channel.id) == new


async def test_a_remote_is_invited_into_a_channel_that_is_shared(ws: Workspace, channel: Channel) -> None:
    remote_id = await ws.remotes.register(PLUGIN, "Bridge")
    assert await refusal(ws.shared_channels.invite(channel.id, remote_id, channel.creator_id)) == 404
    assert await refusal(ws.shared_channels.invite(channel.id, "x" * 26, channel.creator_id, share=True)) == 404
    await ws.shared_channels.invite(channel.id, remote_id, channel.creator_id, share=True)
    await ws.shared_channels.invite(channel.id, remote_id, channel.creator_id)
    assert await ws.shared_channels.remotes_of(channel.id) == [remote_id]
    assert (await ws.shared_channels.get(channel.id)).share_name == "bridge"
    await ws.shared_channels.uninvite(channel.id, remote_id)
    assert await refusal(ws.shared_channels.uninvite(channel.id, remote_id)) == 404


async def test_a_cursor_says_how_far_a_remote_is(ws: Workspace, clock: Clock, channel: Channel) -> None:
    remote_id = await ws.remotes.register(PLUGIN, "Bridge")
    await ws.shared_channels.invite(channel.id, remote_id, channel.creator_id, share=True)
    assert await ws.shared_channels.cursor(channel.id, remote_id) == Cursor(clock(), "")
    await ws.shared_channels.set_cursor(channel.id, remote_id, Cursor(1, "p"))
    assert await ws.shared_channels.cursor(channel.id, remote_id) == Cursor(1, "p")
    await ws.remotes.unregister(PLUGIN)
    assert await refusal(ws.shared_channels.set_cursor(channel.id, remote_id, Cursor(1, "p"))) == 404


async def test_a_ping_tells_which_remotes_are_well(ws: Workspace, clock: Clock) -> None:
    answers: dict[str, dict[str, object]] = {
        "a": {"OnSharedChannelsPing": pb.OnSharedChannelsPingResponse(healthy=True)},
        "b": {"OnSharedChannelsPing": pb.OnSharedChannelsPingResponse(healthy=False)},
        "c": {"OnSharedChannelsPing": broken},
        "d": {"OnConfigurationChange": pb.OnSharedChannelsPingResponse()},
    }
    ids = {plugin: await ws.remotes.register(plugin, plugin) for plugin in [*answers, "e"]}
    for plugin, hooks in answers.items():
        ws.hooks.register(plugin, FakePlugin(hooks))
    clock.advance(seconds=60)
    well = await ws.remotes.ping()
    assert {plugin: well[ids[plugin]] for plugin in ids} == {"a": True, "b": False, "c": False, "d": True, "e": False}
    assert (await ws.remotes.get(ids["a"])).last_ping_at == clock()
    assert (await ws.remotes.get(ids["b"])).last_ping_at < clock()
