"""Notifications never delay the caller; questions get one answer from each plugin; every hook can be fired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from google.protobuf import message_factory
from google.protobuf.message import Message

from mattermost_plugin.grpc import hooks_command_pb2, hooks_message_pb2, hooks_pb2
from mattermost_plugin.models import CommandArgs, CommandResponse, PluginContext, Post
from mattermost_plugin.origin import Origin, enter, here
from servehttp.workspace.hooks import HookFailed, Hooks
from servehttp.workspace.hooks.requests import HOOKS, NOTIFICATIONS
from support.workspaces import FakePlugin

pytestmark = pytest.mark.anyio

POST = Post(id="p")
POSTED = hooks_message_pb2.MessageHasBeenPostedResponse()
METHODS = hooks_pb2.DESCRIPTOR.services_by_name["PluginHooks"].methods_by_name


@pytest.fixture
async def hooks() -> AsyncIterator[Hooks]:
    hooks = Hooks(timeout=5, queue=3, concurrency=2)
    yield hooks
    await hooks.close()


class Gate:
    """A hook that waits until it is let through."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.running = 0

    async def __call__(self, request: Any) -> Message:
        self.running += 1
        await self.open.wait()
        return POSTED


def response(hook: str) -> Message:
    return message_factory.GetMessageClass(METHODS[hook].output_type)()


@pytest.mark.parametrize("hook", sorted(NOTIFICATIONS))
async def test_every_notification_reaches_the_plugins_that_have_it(hooks: Hooks, hook: str) -> None:
    plugins = [FakePlugin({hook: response(hook)}) for _ in range(2)]
    for number, plugin in enumerate(plugins):
        hooks.register(str(number), plugin)
    hooks.notify(hook)
    await hooks.settled()
    assert [[name for name, _ in plugin.asked] for plugin in plugins] == [[hook], [hook]]


@pytest.mark.parametrize("hook", sorted(HOOKS - NOTIFICATIONS))
async def test_every_other_hook_can_be_asked_of_one_plugin(hooks: Hooks, hook: str) -> None:
    hooks.register("a", FakePlugin({hook: response(hook)}))
    assert await hooks.ask_one("a", hook) == response(hook)


async def test_a_notification_has_the_id_of_the_request_that_it_came_of(hooks: Hooks) -> None:
    found: list[tuple[str, str]] = []

    async def hook(request: Any) -> Message:
        found.append((here().request_id, request.plugin_context.request_id))
        return POSTED

    hooks.register("a", FakePlugin({"MessageHasBeenPosted": hook}))
    for request_id in ("r-1", "r-2", "r-3"):
        enter(Origin(request_id))
        hooks.notify("MessageHasBeenPosted", post=POST)
    await hooks.settled()
    assert sorted(found) == [(request_id, request_id) for request_id in ("r-1", "r-2", "r-3")]


async def test_a_notification_carries_the_context_and_its_fields(hooks: Hooks) -> None:
    plugin = FakePlugin({"MessageHasBeenPosted": POSTED})
    hooks.register("a", plugin)
    hooks.notify("MessageHasBeenPosted", PluginContext(session_id="s"), post=POST)
    await hooks.settled()
    request: Any = plugin.asked[0][1]
    assert (request.plugin_context.session_id, request.post.id) == ("s", "p")


async def test_a_plugin_that_hangs_delays_neither_the_caller_nor_its_neighbour(hooks: Hooks) -> None:
    gate, neighbour = Gate(), FakePlugin({"MessageHasBeenPosted": POSTED})
    hooks.register("a", FakePlugin({"MessageHasBeenPosted": gate}))
    hooks.register("b", neighbour)
    hooks.notify("MessageHasBeenPosted", post=POST)
    while not neighbour.asked:
        await asyncio.sleep(0)
    assert gate.running == 1
    gate.open.set()
    await hooks.settled()


async def test_notifications_of_one_plugin_run_side_by_side_up_to_a_limit(hooks: Hooks) -> None:
    gate = Gate()
    hooks.register("a", FakePlugin({"MessageHasBeenPosted": gate}))
    for _ in range(3):
        hooks.notify("MessageHasBeenPosted", post=POST)
    while gate.running < 2:
        await asyncio.sleep(0)
    assert gate.running == 2
    gate.open.set()
    await hooks.settled()
    assert gate.running == 3


async def test_notifications_beyond_the_queue_are_dropped(hooks: Hooks) -> None:
    plugin = FakePlugin({"MessageHasBeenPosted": POSTED})
    hooks.register("a", plugin)
    for _ in range(10):
        hooks.notify("MessageHasBeenPosted", post=POST)
    await hooks.settled()
    assert len(plugin.asked) == 3


async def test_a_notification_that_fails_leaves_the_next_ones_alone(hooks: Hooks) -> None:
    answers: Iterator[Exception | Message] = iter([ConnectionError("gone"), POSTED])

    def answer(request: Any) -> Message:
        result = next(answers)
        if isinstance(result, Exception):
            raise result
        return result

    plugin = FakePlugin({"MessageHasBeenPosted": answer})
    hooks.register("a", plugin)
    hooks.notify("MessageHasBeenPosted", post=POST)
    hooks.notify("MessageHasBeenPosted", post=POST)
    await hooks.settled()
    assert list(answers) == []


async def test_an_unregistered_plugin_is_left_alone_at_once(hooks: Hooks) -> None:
    gate = Gate()
    hooks.register("a", FakePlugin({"MessageHasBeenPosted": gate}))
    hooks.notify("MessageHasBeenPosted", post=POST)
    while not gate.running:
        await asyncio.sleep(0)
    await hooks.unregister("a")
    hooks.notify("MessageHasBeenPosted", post=POST)
    await hooks.settled()
    assert gate.running == 1


@pytest.mark.parametrize("hook", ["MessageWillBePosted", "NoSuchHook"])
async def test_only_what_has_no_answer_can_be_notified(hooks: Hooks, hook: str) -> None:
    with pytest.raises(ValueError, match=hook):
        hooks.notify(hook)


async def test_one_plugin_is_asked_to_run_a_command(hooks: Hooks) -> None:
    answer = hooks_command_pb2.ExecuteCommandResponse(response=CommandResponse(text="done").to_proto())
    plugin = FakePlugin({"ExecuteCommand": answer})
    hooks.register("a", plugin)
    given = await hooks.ask_one("a", "ExecuteCommand", args=CommandArgs(command="/do it"))
    assert given.response.text == "done"
    request: Any = plugin.asked[0][1]
    assert request.args.command == "/do it"


async def test_a_plugin_that_is_not_there_gives_no_answer(hooks: Hooks) -> None:
    with pytest.raises(HookFailed):
        await hooks.ask_one("nobody", "ExecuteCommand")


async def test_each_plugin_answers_for_itself(hooks: Hooks) -> None:
    def breaks(request: Any) -> Message:
        raise ConnectionError

    good = response("GenerateSupportData")
    hooks.register("a", FakePlugin({"GenerateSupportData": good}))
    hooks.register("b", FakePlugin({"GenerateSupportData": breaks}))
    answers = await hooks.ask_each("GenerateSupportData")
    assert answers["a"] == good
    assert isinstance(answers["b"], HookFailed)
