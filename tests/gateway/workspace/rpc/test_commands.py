"""Slash commands as the SDK's client sees them."""

from __future__ import annotations

import pytest

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError
from mattermost_plugin.models import Command, CommandArgs
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_channel, a_user

pytestmark = pytest.mark.anyio

TEAM = "t" * 26


async def test_a_plugin_offers_commands_and_takes_them_back(api: AsyncPluginAPIClient) -> None:
    await api.register_command(Command(trigger="poll", auto_complete=True, auto_complete_desc="Ask"))
    [poll] = await api.list_plugin_commands(TEAM)
    assert (poll.plugin_id, poll.auto_complete_desc) == ("com.example.me", "Ask")
    await api.unregister_command("", "poll")
    assert await api.list_plugin_commands(TEAM) == []


async def test_commands_are_stored_in_the_plugins_name(api: AsyncPluginAPIClient) -> None:
    made = await api.create_command(
        Command(trigger="deploy", url="https://ci.example", team_id=TEAM, creator_id="c" * 26)
    )
    assert (made.plugin_id, made.creator_id) == ("com.example.me", "")
    changed = await api.update_command(made.id, Command(trigger="ship", url="https://ci.example"))
    assert await api.get_command(made.id) == changed
    assert await api.list_custom_commands(TEAM) == [changed]
    assert await api.list_commands(TEAM) == [*await api.list_built_in_commands(), changed]
    await api.delete_command(made.id)
    with pytest.raises(NotFoundError):
        await api.get_command(made.id)


async def test_a_command_is_run_as_if_a_user_had_typed_it(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    ada = await a_user(ws)
    channel = await a_channel(ws, ada)
    args = CommandArgs(user_id=ada.id, channel_id=channel.id, team_id=channel.team_id, command="/shrug")
    assert (await api.execute_slash_command(args)).response_type == "in_channel"
