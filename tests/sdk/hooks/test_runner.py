"""How handlers are run, and what becomes of those that fail."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from functools import partial

import grpc
import pytest

from mattermost_plugin.servicers.hook_runner import (
    HookInvocationError,
    HookRunner,
    HookTimeoutError,
    convert_hook_error_to_grpc_status,
)

pytestmark = pytest.mark.anyio

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture
def runner() -> Iterator[HookRunner]:
    runner = HookRunner()
    yield runner
    runner.close()


async def test_sync_and_async_handlers_give_their_result(runner: HookRunner) -> None:
    async def asynchronous(a: int, *, b: int) -> int:
        return a + b

    def sync(a: int, *, b: int) -> int:
        return a - b

    assert await runner.run("OnActivate", asynchronous, 1, b=2) == 3
    assert await runner.run("OnActivate", sync, 1, b=2) == -1
    assert await runner.run("OnActivate", partial(asynchronous, 1), b=2) == 3
    assert await runner.run("OnActivate", lambda: asynchronous(5, b=5)) == 10


async def test_a_sync_handler_runs_in_a_thread_of_the_runner_with_the_callers_context(runner: HookRunner) -> None:
    variable.set("mine")
    assert await runner.run("OnActivate", lambda: (threading.current_thread().name[:4], variable.get())) == (
        "hook",
        "mine",
    )


async def test_a_handler_that_takes_too_long_is_a_time_out(runner: HookRunner) -> None:
    release = threading.Event()
    try:
        for handler in (partial(asyncio.sleep, 10), partial(release.wait, 10)):
            with pytest.raises(HookTimeoutError) as caught:
                await runner.run("OnActivate", handler, timeout=0.1)
            assert (caught.value.hook_name, caught.value.timeout) == ("OnActivate", 0.1)
            assert str(caught.value) == "Hook 'OnActivate' timed out after 0.1 seconds"
    finally:
        release.set()


async def test_the_runners_limit_is_30_seconds_unless_it_is_told_another() -> None:
    assert HookRunner().timeout == 30.0
    runner = HookRunner(timeout=0.05)
    with pytest.raises(HookTimeoutError, match=r"0\.05"):
        await runner.run("OnActivate", partial(asyncio.sleep, 10))
    runner.close()


async def test_what_a_handler_raises_is_wrapped(runner: HookRunner) -> None:
    original = ValueError("text")

    async def failing() -> None:
        raise original

    with pytest.raises(HookInvocationError) as caught:
        await runner.run("OnActivate", failing)
    assert caught.value.original_error is original
    assert str(caught.value) == "Hook 'OnActivate' raised ValueError: text"


async def test_a_time_out_of_the_handlers_own_is_no_time_out_of_the_hook(runner: HookRunner) -> None:
    async def failing() -> None:
        raise TimeoutError("of the database")

    with pytest.raises(HookInvocationError, match="of the database"):
        await runner.run("OnActivate", failing)


async def test_a_handler_that_wants_to_exit_has_failed(runner: HookRunner) -> None:
    def leaving() -> None:
        raise SystemExit(3)

    with pytest.raises(HookInvocationError, match="SystemExit"):
        await runner.run("OnActivate", leaving)


async def test_cancelling_the_call_cancels_the_handler(runner: HookRunner) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def handler() -> None:
        started.set()
        try:
            await asyncio.sleep(10)
        finally:
            cancelled.set()

    task = asyncio.create_task(runner.run("OnActivate", handler))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (PermissionError("x"), grpc.StatusCode.PERMISSION_DENIED),
        (FileNotFoundError("x"), grpc.StatusCode.NOT_FOUND),
        (NotImplementedError("x"), grpc.StatusCode.UNIMPLEMENTED),
        (LookupError("x"), grpc.StatusCode.INTERNAL),
    ],
)
async def test_errors_have_a_grpc_status(error: Exception, code: grpc.StatusCode) -> None:
    assert convert_hook_error_to_grpc_status(error) == (code, "x")
    wrapped = HookInvocationError("OnInstall", error)
    assert convert_hook_error_to_grpc_status(wrapped) == (code, str(wrapped))


async def test_a_time_out_has_a_grpc_status() -> None:
    error = HookTimeoutError("OnInstall", 1.0)
    assert convert_hook_error_to_grpc_status(error) == (grpc.StatusCode.DEADLINE_EXCEEDED, str(error))
