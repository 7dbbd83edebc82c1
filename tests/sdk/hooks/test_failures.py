"""Handlers that raise or take too long, and what the host is told then. Each call ends with the gRPC status OK: of one
that does not, a host drops the answer, and what a hook could have stopped would happen."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from mattermost_plugin import HookName, HookRegistrationError, Plugin, RuntimeConfig, hook
from mattermost_plugin.grpc import hooks_command_pb2, hooks_message_pb2, hooks_user_channel_pb2
from mattermost_plugin.hooks import VETOING_HOOKS
from mattermost_plugin.servicers.hook_runner import SYNC_THREADS
from mattermost_plugin.servicers.results import error_id
from support.hooks import SHORT, UNARY, ask, asked, full_request, plugin_with
from support.plugin_host import TIMEOUT, eventually, serving

pytestmark = pytest.mark.anyio

REASON = "A plugin could not check this, so it was not allowed."
REJECTED: dict[str, Any] = {
    "MessageWillBePosted": hooks_message_pb2.MessageWillBePostedResponse(rejection_reason=REASON),
    "MessageWillBeUpdated": hooks_message_pb2.MessageWillBeUpdatedResponse(rejection_reason=REASON),
    "MessagesWillBeConsumed": hooks_message_pb2.MessagesWillBeConsumedResponse(),
    "FileWillBeUploaded": hooks_message_pb2.FileWillBeUploadedResponse(rejection_reason=REASON),
    "NotificationWillBePushed": hooks_message_pb2.NotificationWillBePushedResponse(rejection_reason=REASON),
    "EmailNotificationWillBeSent": hooks_message_pb2.EmailNotificationWillBeSentResponse(rejection_reason=REASON),
    "UserWillLogIn": hooks_user_channel_pb2.UserWillLogInResponse(rejection_reason=REASON),
}
UNHEALTHY = hooks_command_pb2.OnSharedChannelsPingResponse(healthy=False)
SHOWN_TO_USERS = {"ExecuteCommand": "The plugin failed to run this command.", "OnSAMLLogin": REASON}
"""The hooks whose errors end users see, and what these are told."""


def check_failed(name: str, response: Any, text: str) -> None:
    """The response is that of a handler that failed."""
    if name in REJECTED:
        assert response == REJECTED[name]
    elif name == "OnSharedChannelsPing":
        assert response == UNHEALTHY
    elif "error" in response.DESCRIPTOR.fields_by_name:
        error = response.error
        assert (error.id, error.where, error.status_code) == (error_id(HookName(name)), name, 500)
        assert error.detailed_error == text
        assert error.message == SHOWN_TO_USERS.get(name, text)
    else:
        assert response.ByteSize() == 0


@pytest.mark.parametrize("name", UNARY)
async def test_a_handler_that_raises_rejects_or_is_an_error_or_has_been_told(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(self: Plugin, *arguments: object) -> None:
        raise LookupError("secret table")

    text = f"Hook '{name}' raised LookupError: secret table"
    check_failed(name, await asked(name, failing), text)
    (record,) = (record for record in caplog.records if record.name == "mattermost_plugin.hooks")
    assert (record.message, record.levelno) == (text, logging.ERROR)
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)
    assert record.exc_info[1].__traceback__ is not None


@pytest.mark.parametrize("name", UNARY)
async def test_a_handler_that_takes_too_long_is_one_that_failed(name: str) -> None:
    async def slow(self: Plugin, *arguments: object) -> None:
        await asyncio.sleep(TIMEOUT)

    async with serving(plugin_with(name, slow, SHORT)) as (_, host):
        check_failed(name, await ask(host, name), f"Hook '{name}' timed out after 0.05 seconds")


@pytest.mark.parametrize("name", sorted(VETOING_HOOKS))
async def test_a_vetoing_handler_may_let_things_happen_when_it_fails(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def slow(self: Plugin, *arguments: object) -> None:
        await asyncio.sleep(TIMEOUT)

    def failing(self: Plugin, *arguments: object) -> None:
        raise LookupError("nothing there")

    allowed = {"posts": full_request(name).posts} if name == "MessagesWillBeConsumed" else {}
    for handler, config in ((slow, SHORT), (failing, None)):
        async with serving(plugin_with(name, handler, config, on_error="allow")) as (_, host):
            response = await ask(host, name)
        assert {field.name: value for field, value in response.ListFields()} == allowed
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [f"Hook '{name}' timed out after 0.05 seconds", f"Hook '{name}' raised LookupError: nothing there"]


async def test_on_error_allow_does_not_touch_a_verdict() -> None:
    response = await asked("MessageWillBePosted", lambda self, context, post: (None, "spam"), on_error="allow")
    assert response.rejection_reason == "spam"


async def test_an_option_stays_with_a_handler_that_is_overridden() -> None:
    class Parent(Plugin):
        @hook(HookName.UserWillLogIn, on_error="allow")
        def log_in(self, context: object, user: object) -> None: ...

    class Child(Parent):
        def log_in(self, context: object, user: object) -> None:
            raise LookupError("nothing there")

    async with serving(Child()) as (_, host):
        assert (await ask(host, "UserWillLogIn")).rejection_reason == ""


async def test_a_hook_has_its_own_time_out_beside_the_configured_one() -> None:
    class Two(Plugin):
        @hook(HookName.OnInstall, timeout=0.05)
        async def install(self, context: object, event: object) -> None:
            await asyncio.sleep(TIMEOUT)

        @hook(HookName.OnConfigurationChange, timeout=TIMEOUT)
        async def configure(self) -> None:
            await asyncio.sleep(0.15)

        @hook(HookName.OnActivate)
        async def activate(self) -> None:
            await asyncio.sleep(TIMEOUT)

    async with serving(Two(config=RuntimeConfig(hook_timeout=0.1))) as (_, host):
        assert (await ask(host, "OnInstall")).error.message == "Hook 'OnInstall' timed out after 0.05 seconds"
        assert not (await ask(host, "OnConfigurationChange")).HasField("error")
        assert (await ask(host, "OnActivate")).error.message == "Hook 'OnActivate' timed out after 0.1 seconds"


async def test_a_veto_comes_before_the_hosts_deadline() -> None:
    async def slow(self: Plugin, *arguments: object) -> None:
        await asyncio.sleep(TIMEOUT)

    async def answer(name: str) -> Any:
        async with serving(plugin_with(name, slow, timeout=TIMEOUT)) as (_, host):
            return await getattr(host.hooks, name)(full_request(name), timeout=2.5)

    names = sorted(VETOING_HOOKS)
    answers = dict(zip(names, await asyncio.gather(*map(answer, names)), strict=True))
    assert {name: answers[name] for name in REJECTED} == REJECTED
    assert all(answers[name].HasField("error") for name in names if name not in REJECTED)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5"])
def test_a_time_out_is_a_positive_number(timeout: Any) -> None:
    with pytest.raises(HookRegistrationError, match="positive number of seconds"):
        hook(HookName.OnActivate, timeout=timeout)(lambda self: None)


def test_serve_http_takes_no_time_out() -> None:
    with pytest.raises(HookRegistrationError, match="no limit"):
        hook(HookName.ServeHTTP, timeout=1)(lambda self: None)


@pytest.mark.parametrize("name", sorted(set(HookName) - VETOING_HOOKS))
def test_only_a_hook_that_can_veto_can_allow(name: str) -> None:
    with pytest.raises(HookRegistrationError, match="cannot veto"):
        hook(name, on_error="allow")(lambda self: None)


def test_on_error_is_one_of_two_words() -> None:
    with pytest.raises(HookRegistrationError, match="not 'ignore'"):
        hook(HookName.UserWillLogIn, on_error="ignore")(lambda self: None)  # type: ignore[call-overload]  # the point


@pytest.mark.parametrize("name", ["MessageWillBePosted", "MessageHasBeenPosted"])
async def test_a_call_that_the_host_gives_up_cancels_its_async_handler(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def slow(self: Plugin, *arguments: object) -> None:
        entered.set()
        try:
            await asyncio.sleep(TIMEOUT)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving(plugin_with(name, slow)) as (_, host), asyncio.timeout(TIMEOUT):
        call = getattr(host.hooks, name)(full_request(name))
        await entered.wait()
        call.cancel()
        await cancelled.wait()
        assert await host.health("plugin") == 1
    assert not [record for record in caplog.records if record.name == "mattermost_plugin.hooks"]


async def test_a_handler_whose_own_work_was_cancelled_has_failed() -> None:
    async def waits(self: Plugin, *arguments: object) -> None:
        work = asyncio.ensure_future(asyncio.sleep(TIMEOUT))
        work.cancel()
        await work

    def raises(self: Plugin, *arguments: object) -> None:
        raise asyncio.CancelledError

    for handler in (waits, raises):
        assert (await asked("MessageWillBePosted", handler)).rejection_reason == REASON


@pytest.mark.parametrize("name", ["ConfigurationWillBeSaved", "MessageWillBePosted", "OnSAMLLogin", "OnActivate"])
async def test_an_error_that_is_no_text_of_the_wire_is_an_error_all_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a parallel run captures of the log has to be text, too.
    monkeypatch.setattr(logging.getLogger("mattermost_plugin.hooks"), "filters", [lambda record: False])

    def failing(self: Plugin, *arguments: object) -> None:
        raise FileNotFoundError("report-\udcff.txt")

    check_failed(name, await asked(name, failing), f"Hook '{name}' raised FileNotFoundError: report-?.txt")


async def test_a_sync_handler_goes_on_when_the_host_gives_up() -> None:
    entered, release, finished = threading.Event(), threading.Event(), threading.Event()

    def slow(self: Plugin) -> None:
        entered.set()
        release.wait(TIMEOUT)
        finished.set()

    async with serving(plugin_with("OnActivate", slow)) as (_, host):
        call = host.hooks.OnActivate(full_request("OnActivate"))
        await asyncio.to_thread(entered.wait, TIMEOUT)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not finished.is_set()
        release.set()
        assert await asyncio.to_thread(finished.wait, TIMEOUT)


async def test_stuck_sync_handlers_stop_neither_health_checks_nor_async_handlers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = threading.Event()
    running = 0

    class Stuck(Plugin):
        @hook
        def OnInstall(self, context: object, event: object) -> None:
            nonlocal running
            running += 1
            release.wait(TIMEOUT)

        @hook
        async def OnSharedChannelsPing(self, remote: object) -> bool:
            return True

    async with serving(Stuck()) as (_, host):
        calls = [asyncio.ensure_future(ask(host, "OnInstall")) for _ in range(SYNC_THREADS + 3)]
        await eventually(lambda: running == SYNC_THREADS)
        assert await host.health("plugin") == 1
        assert (await ask(host, "OnSharedChannelsPing")).healthy
        assert caplog.text.count("all 32 threads for sync hook handlers are busy") == 1
        assert running == SYNC_THREADS
        release.set()
        assert not any(response.HasField("error") for response in await asyncio.gather(*calls))
    assert running == SYNC_THREADS + 3
