"""Hooks with a say: in a fixed order, each sees what the others made of it, and no answer is a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from google.protobuf import message_factory
from google.protobuf.message import Message

from mattermost_plugin.grpc import common_pb2, hooks_message_pb2, hooks_pb2
from mattermost_plugin.grpc import hooks_lifecycle_pb2 as lifecycle
from mattermost_plugin.models import (
    EmailNotificationContent,
    EmailNotificationJson,
    FileInfo,
    PluginContext,
    Post,
    PushNotification,
    User,
)
from servehttp.workspace.hooks import Hooks, Refused
from servehttp.workspace.hooks.requests import HOOKS
from support.workspaces import FakePlugin

pytestmark = pytest.mark.anyio

CONTEXT = PluginContext(session_id="s", request_id="r")
POST = Post(id="p", message="hello", props={"a": 1})
TIMEOUT = 0.05


@pytest.fixture
async def hooks() -> AsyncIterator[Hooks]:
    hooks = Hooks(timeout=TIMEOUT, queue=10, concurrency=2)
    yield hooks
    await hooks.close()


def append(text: str) -> FakePlugin:
    """A plugin that adds to a post's message."""

    def answer(request: Any) -> Message:
        changed = request.post
        changed.message += text
        return hooks_message_pb2.MessageWillBePostedResponse(modified_post=changed)

    return FakePlugin({"MessageWillBePosted": answer})


def breaks(request: Any) -> Message:
    raise ConnectionError("secret words")


async def hangs(request: Any) -> Message:
    await asyncio.Event().wait()
    raise AssertionError("it was cancelled")


async def test_without_plugins_everything_stays_as_it_is(hooks: Hooks) -> None:
    assert await hooks.message_will_be_posted(CONTEXT, POST) is POST
    assert await hooks.messages_will_be_consumed([POST]) == [POST]
    await hooks.user_will_log_in(CONTEXT, User())


async def test_plugins_are_asked_in_the_order_of_their_ids_and_see_one_anothers_changes(hooks: Hooks) -> None:
    hooks.register("b", append(" b"))
    hooks.register("a", append(" a"))
    assert (await hooks.message_will_be_posted(CONTEXT, POST)).message == "hello a b"


async def test_a_plugin_gets_the_context_and_the_whole_post(hooks: Hooks) -> None:
    plugin = append("")
    hooks.register("a", plugin)
    changed = await hooks.message_will_be_posted(CONTEXT, POST)
    (request,) = (message for _, message in plugin.asked)
    assert isinstance(request, hooks_message_pb2.MessageWillBePostedRequest)
    assert PluginContext.from_proto(request.plugin_context) == CONTEXT
    assert changed.props == {"a": 1}


async def test_a_refusal_gives_the_reason_and_ends_the_round(hooks: Hooks) -> None:
    later = append(" never")
    refusal = hooks_message_pb2.MessageWillBePostedResponse(rejection_reason="spam", modified_post=POST.to_proto())
    hooks.register("a", FakePlugin({"MessageWillBePosted": refusal}))
    hooks.register("b", later)
    with pytest.raises(Refused) as refused:
        await hooks.message_will_be_posted(CONTEXT, POST)
    assert (refused.value.reason, refused.value.plugin_id, refused.value.status) == ("spam", "a", 400)
    assert not refused.value.dismissed
    assert later.asked == []


async def test_the_reason_for_dismissal_dismisses(hooks: Hooks) -> None:
    reason = "plugin.message_will_be_posted.dismiss_post"
    answer = hooks_message_pb2.MessageWillBePostedResponse(rejection_reason=reason)
    hooks.register("a", FakePlugin({"MessageWillBePosted": answer}))
    with pytest.raises(Refused) as refused:
        await hooks.message_will_be_posted(CONTEXT, POST)
    assert refused.value.dismissed


@pytest.mark.parametrize("failure", [breaks, hangs])
async def test_no_answer_refuses_and_tells_only_which_plugin_it_was(hooks: Hooks, failure: Any) -> None:
    hooks.register("a", FakePlugin({"MessageWillBePosted": failure}))
    with pytest.raises(Refused) as refused:
        await hooks.message_will_be_posted(CONTEXT, POST)
    assert refused.value.reason == "Plugin a could not check this."


async def test_a_plugin_that_hangs_costs_its_time_out_and_no_more(hooks: Hooks) -> None:
    hooks.register("a", FakePlugin({"UserWillLogIn": hangs}))
    async with asyncio.timeout(TIMEOUT * 20):
        with pytest.raises(Refused):
            await hooks.user_will_log_in(CONTEXT, User())


async def test_a_caller_that_is_cancelled_cancels_the_hook(hooks: Hooks) -> None:
    started = asyncio.Event()

    async def hang(request: Any) -> Message:
        started.set()
        return await hangs(request)

    slow = Hooks(timeout=30, queue=1, concurrency=1)
    slow.register("a", FakePlugin({"UserWillLogIn": hang}))
    task = asyncio.create_task(slow.user_will_log_in(CONTEXT, User()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await slow.close()


async def test_who_does_not_implement_a_hook_or_is_gone_is_not_asked(hooks: Hooks) -> None:
    gone = append(" gone")
    hooks.register("a", gone)
    hooks.register("b", FakePlugin({"UserWillLogIn": breaks}))
    await hooks.unregister("a")
    assert await hooks.message_will_be_posted(CONTEXT, POST) is POST
    assert gone.asked == []


async def test_an_empty_list_of_consumed_messages_hides_all(hooks: Hooks) -> None:
    hooks.register("a", FakePlugin({"MessagesWillBeConsumed": hooks_message_pb2.MessagesWillBeConsumedResponse()}))
    assert await hooks.messages_will_be_consumed([POST]) == []


async def test_messages_that_could_not_be_checked_are_not_shown(hooks: Hooks) -> None:
    hooks.register("a", FakePlugin({"MessagesWillBeConsumed": breaks}))
    assert await hooks.messages_will_be_consumed([POST]) == []


async def test_a_file_is_replaced_by_what_the_plugin_makes_of_it(hooks: Hooks) -> None:
    answer = hooks_message_pb2.FileWillBeUploadedResponse(
        modified_file_info=FileInfo(name="b.txt").to_proto(), modified_content=b"changed"
    )
    hooks.register("a", FakePlugin({"FileWillBeUploaded": answer}))
    changed = await hooks.file_will_be_uploaded(CONTEXT, FileInfo(name="a.txt"), b"content")
    assert changed == (FileInfo(name="b.txt"), b"changed")


async def test_a_mail_is_replaced_by_what_the_plugin_makes_of_it(hooks: Hooks) -> None:
    content = EmailNotificationContent(subject="changed")
    answer = hooks_message_pb2.EmailNotificationWillBeSentResponse(modified_content=content.to_proto())
    hooks.register("a", FakePlugin({"EmailNotificationWillBeSent": answer}))
    assert await hooks.email_notification_will_be_sent(EmailNotificationJson(b"{}")) == content


async def test_a_configuration_is_replaced_or_refused(hooks: Hooks) -> None:
    changed = lifecycle.ConfigurationWillBeSavedResponse(modified_config=lifecycle.ConfigJson(config_json=b"2"))
    hooks.register("a", FakePlugin({"ConfigurationWillBeSaved": changed}))
    assert await hooks.configuration_will_be_saved(b"1") == b"2"
    error = lifecycle.ConfigurationWillBeSavedResponse(error=common_pb2.AppError(id="x", message="no"))
    hooks.register("b", FakePlugin({"ConfigurationWillBeSaved": error}))
    with pytest.raises(Refused, match="no"):
        await hooks.configuration_will_be_saved(b"1")


VERDICTS: dict[str, Callable[[Hooks], Awaitable[object]]] = {
    "MessageWillBePosted": lambda hooks: hooks.message_will_be_posted(CONTEXT, POST),
    "MessageWillBeUpdated": lambda hooks: hooks.message_will_be_updated(CONTEXT, POST, POST),
    "FileWillBeUploaded": lambda hooks: hooks.file_will_be_uploaded(CONTEXT, FileInfo(), b""),
    "NotificationWillBePushed": lambda hooks: hooks.notification_will_be_pushed(PushNotification(), "u"),
    "EmailNotificationWillBeSent": lambda hooks: hooks.email_notification_will_be_sent(EmailNotificationJson()),
    "ConfigurationWillBeSaved": lambda hooks: hooks.configuration_will_be_saved(b""),
    "UserWillLogIn": lambda hooks: hooks.user_will_log_in(CONTEXT, User()),
    "OnSAMLLogin": lambda hooks: hooks.on_saml_login(CONTEXT, User(), b"{}"),
}


@pytest.mark.parametrize("name", VERDICTS)
async def test_every_hook_with_a_say_refuses_when_it_breaks(hooks: Hooks, name: str) -> None:
    hooks.register("a", FakePlugin({name: breaks}))
    with pytest.raises(Refused):
        await VERDICTS[name](hooks)


@pytest.mark.parametrize("name", VERDICTS)
async def test_every_hook_with_a_say_can_refuse_with_a_reason(hooks: Hooks, name: str) -> None:
    method = hooks_pb2.DESCRIPTOR.services_by_name["PluginHooks"].methods_by_name[name]
    response: Any = message_factory.GetMessageClass(method.output_type)()
    if "rejection_reason" in method.output_type.fields_by_name:
        response.rejection_reason = "because"
    else:
        response.error.message = "because"
    hooks.register("a", FakePlugin({name: response}))
    with pytest.raises(Refused, match="because"):
        await VERDICTS[name](hooks)


def test_the_hooks_are_the_forty_one_but_for_serve_http() -> None:
    assert len(HOOKS) == 40
