"""Which slash commands there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin.models import Command
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace
from support.workspaces import refusal

pytestmark = pytest.mark.anyio

PLUGIN = "com.example.poll"
STORED = Command(trigger="deploy", url="https://ci.example/deploy", creator_id="c" * 26, team_id="t" * 26)


def triggers(commands: list[Command]) -> list[str]:
    return [command.trigger for command in commands]


async def test_a_plugins_command_is_there_in_its_team_until_it_is_taken_back(ws: Workspace) -> None:
    ws.commands.register(PLUGIN, Command(trigger="Poll", auto_complete=True, auto_complete_hint="[question]"))
    ws.commands.register(PLUGIN, Command(trigger="vote", team_id="one"))
    assert triggers(ws.commands.of_plugins("one")) == ["poll", "vote"]
    [poll] = ws.commands.of_plugins("two")
    assert (poll.plugin_id, poll.auto_complete_hint) == (PLUGIN, "[question]")
    ws.commands.unregister(PLUGIN, "", "POLL")
    ws.commands.unregister("com.example.other", "one", "vote")
    assert triggers(ws.commands.of_plugins("one")) == ["vote"]


async def test_a_plugin_that_is_gone_offers_nothing(ws: Workspace) -> None:
    ws.commands.register(PLUGIN, Command(trigger="poll"))
    ws.commands.register("com.example.other", Command(trigger="other"))
    ws.commands.unregister_all(PLUGIN)
    assert triggers(ws.commands.of_plugins("")) == ["other"]


async def test_registering_again_replaces_the_command(ws: Workspace) -> None:
    for hint in ("[a]", "[b]"):
        ws.commands.register(PLUGIN, Command(trigger="poll", auto_complete_hint=hint))
    assert [command.auto_complete_hint for command in ws.commands.of_plugins("")] == ["[b]"]


@pytest.mark.parametrize("trigger", ["", "/poll", "two words", "x" * 129])
async def test_a_trigger_is_one_word_without_its_slash(ws: Workspace, trigger: str) -> None:
    with pytest.raises(AppFailure) as refused:
        ws.commands.register(PLUGIN, Command(trigger=trigger))
    assert refused.value.id == "model.command.is_valid.trigger.app_error"


async def test_a_stored_command_keeps_its_token_and_its_plugin_when_it_is_replaced(ws: Workspace) -> None:
    made = await ws.commands.create(replace(STORED, plugin_id=PLUGIN))
    new = await ws.commands.update(made.id, Command(trigger="Ship", url="https://ci.example/ship", token="mine"))
    assert (new.trigger, new.token, new.plugin_id, new.team_id) == ("ship", made.token, PLUGIN, STORED.team_id)
    assert await ws.commands.get(made.id) == new


async def test_a_trigger_is_taken_once_in_a_team_and_the_workspaces_own_always(ws: Workspace) -> None:
    made = await ws.commands.create(STORED)
    taken = ("api.command.duplicate_trigger.app_error", 400)
    assert await refusal(ws.commands.create(STORED)) == taken
    assert await refusal(ws.commands.create(replace(STORED, trigger="me"))) == taken
    await ws.commands.create(replace(STORED, team_id="u" * 26))
    await ws.commands.delete(made.id)
    assert await refusal(ws.commands.get(made.id)) == ("store.sql_command.get.missing.app_error", 404)
    assert (await ws.commands.create(STORED)).id != made.id


async def test_a_stored_command_needs_an_address_a_method_and_somebody(ws: Workspace) -> None:
    for malformed in (
        replace(STORED, url="ftp://x"),
        replace(STORED, url=""),
        replace(STORED, method="X"),
        replace(STORED, creator_id=""),
        replace(STORED, display_name="x" * 65),
    ):
        assert (await refusal(ws.commands.create(malformed)))[1] == 400


async def test_plugins_come_before_stored_commands_and_those_before_the_workspaces_own(ws: Workspace) -> None:
    stored = await ws.commands.create(STORED)
    assert await ws.commands.find(STORED.team_id, "deploy") == stored
    ws.commands.register(PLUGIN, Command(trigger="deploy"))
    ws.commands.register(PLUGIN, Command(trigger="shrug"))
    for trigger in ("deploy", "shrug"):
        found = await ws.commands.find(STORED.team_id, trigger)
        assert found is not None
        assert found.plugin_id == PLUGIN
    assert await ws.commands.find("", "nothing") is None
    usable = triggers(await ws.commands.usable(STORED.team_id))
    assert usable == ["deploy", "shrug", "away", "dnd", "echo", "me", "offline", "online", "shrug", "deploy"]
