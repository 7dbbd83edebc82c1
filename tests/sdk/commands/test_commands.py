"""Commands of a plugin: offered to its host, run by it, and explained to who types them."""

from __future__ import annotations

import threading

import pytest

from mattermost_plugin import CommandResponse, HookName, HookRegistrationError, Plugin, UsageError, command, hook
from mattermost_plugin.models import CommandArgs, PluginContext
from mattermost_plugin.testing import BlockingPlugin, HookFirer, running
from mattermost_plugin.testing.errors import CommandFailed
from mattermost_plugin.testing.lifetime import ActivationRefused
from servehttp.testing import FakeAPI

pytestmark = pytest.mark.anyio


class Pub(Plugin):
    """Several commands, and a handler for what none of them takes."""

    @command("poll", description="Ask everybody", hint="[question]")
    async def poll(self, args: CommandArgs, question: str, *answers: str) -> CommandResponse:
        text = f"{args.user_id} asks: {question} {' / '.join(answers)}"
        return CommandResponse(response_type="in_channel", text=text)

    @command("Roll", autocomplete=False)
    def roll(self, sides: int = 6) -> str:
        if sides < 2:
            raise UsageError("No die has fewer than two sides.")
        return f"{threading.current_thread() is threading.main_thread()} {sides}"

    @command("silent")
    async def silent(self) -> None: ...

    @command("broken")
    async def broken(self) -> None:
        raise ValueError("out of order")

    @hook(HookName.ExecuteCommand)
    async def others(self, context: PluginContext, args: CommandArgs) -> CommandResponse:
        return CommandResponse(text=f"other: {args.command}")


pub = pytest.mark.plugin(cls=Pub)


@pub
async def test_each_command_goes_to_its_method(hooks: HookFirer) -> None:
    ada = CommandArgs(user_id="ada")
    assert await hooks.command('/poll "Tea or coffee?" tea coffee', ada) == CommandResponse(
        response_type="in_channel", text="ada asks: Tea or coffee? tea / coffee"
    )
    assert await hooks.command("/silent") is None
    assert await hooks.command("/SILENT") is None


@pub
async def test_a_text_is_for_who_typed_and_a_sync_method_runs_in_a_thread(hooks: HookFirer) -> None:
    assert await hooks.command("/roll 20") == CommandResponse(response_type="ephemeral", text="False 20")


@pub
async def test_what_no_method_takes_is_the_hooks(hooks: HookFirer) -> None:
    for entered in ("/pollen 1", "/", "", "poll"[:3]):
        response = await hooks.command(entered)
        assert response is not None
        assert response.text == f"other: {entered}"


@pub
async def test_what_makes_no_sense_is_explained_to_who_typed_it(hooks: HookFirer) -> None:
    assert await hooks.command("/roll many") == CommandResponse(
        response_type="ephemeral", text="sides has to be a whole number, not `many`.\nUsage: `/roll [sides=6]`"
    )
    assert await hooks.command("/roll 1") == CommandResponse(
        response_type="ephemeral", text="No die has fewer than two sides.\nUsage: `/roll [sides=6]`"
    )


@pub
async def test_a_method_that_fails_is_an_error_without_its_text(
    hooks: HookFirer, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(CommandFailed, match="The plugin failed to run this command"):
        await hooks.command("/broken")
    assert "out of order" in caplog.text


@pub
def test_a_test_that_is_not_async_enters_commands_too(blocking_plugin: BlockingPlugin) -> None:
    response = blocking_plugin.command("/roll 2")
    assert response is not None
    assert response.text == "False 2"


@pub
async def test_they_are_offered_when_the_plugin_is_activated(hooks: HookFirer, fake_api: FakeAPI) -> None:
    team = fake_api.create_team()
    offered = {
        each.trigger: (each.auto_complete, each.auto_complete_desc, each.auto_complete_hint)
        for each in fake_api.workspace.commands.of_plugins(team.id)
    }
    assert offered == {
        "poll": (True, "Ask everybody", "[question]"),
        "roll": (False, "", "[sides=6]"),
        "silent": (True, "", ""),
        "broken": (True, "", ""),
    }


async def test_a_plugin_whose_host_does_not_take_them_does_not_run() -> None:
    class Refusing:
        async def register_command(self, offered: object) -> None:
            raise PermissionError("no commands today")

    with pytest.raises(ActivationRefused, match="no commands today"):
        async with running(Pub(async_api=Refusing())):
            pass


async def test_a_plugin_with_commands_alone_has_the_hook() -> None:
    class Only(Plugin):
        @command("only")
        async def only(self) -> str:
            return "here"

    async with running(Only()) as started:
        assert "ExecuteCommand" in started.hooks.implemented
        assert await started.hooks.command("/only") == CommandResponse(response_type="ephemeral", text="here")
        with pytest.raises(CommandFailed, match="no handler"):
            await started.hooks.command("/other")


async def test_a_subclass_overrides_replaces_and_drops() -> None:
    class Changed(Pub):
        async def silent(self) -> str:  # type: ignore[override]
            return "not any more"

        @command("throw")
        def roll(self) -> str:  # type: ignore[override]
            return "thrown"

        broken = None  # type: ignore[assignment]

    async with running(Changed()) as started:
        for entered, text in {"/silent": "not any more", "/throw": "thrown", "/broken": "other: /broken"}.items():
            response = await started.hooks.command(entered)
            assert response is not None
            assert response.text == text
        response = await started.hooks.command("/roll")
        assert response is not None
        assert response.text == "other: /roll"


@pytest.mark.parametrize("trigger", ["", "/poll", "two words", "x" * 129, 7])
def test_what_cannot_be_a_trigger_is_refused(trigger: str) -> None:
    with pytest.raises(HookRegistrationError, match="trigger"):
        command(trigger)


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(HookRegistrationError, match="positive number of seconds"):
        command("poll", timeout=-1)


def test_a_method_that_nobody_can_call_is_refused_with_its_class() -> None:
    with pytest.raises(HookRegistrationError, match=r"test_commands\.py:\d+: .*bad cannot be a command: words is"):

        class Bad(Plugin):
            @command("bad")
            def bad(self, words: dict[str, str]) -> None: ...


def test_two_methods_for_one_command_are_refused() -> None:
    with pytest.raises(HookRegistrationError, match=r"py:\d+: .*Twice answers /poll twice, also at .*py:\d+"):

        class Twice(Plugin):
            @command("poll")
            def one(self) -> None: ...

            @command("POLL")
            def two(self) -> None: ...
