"""The reference's private runner, under its old path."""

from __future__ import annotations

import asyncio
import threading

import grpc
import pytest
from mattermost_plugin._internal.hook_runner import (  # type: ignore[import-not-found]  # made when it is imported
    DEFAULT_HOOK_TIMEOUT,
    HookInvocationError,
    HookRunner,
    HookTimeoutError,
    invoke_hook_safe,
    run_hook_async,
)

from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


class Context:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def set_code(self, code: grpc.StatusCode) -> None:
        self.told.append(code)

    def set_details(self, details: str) -> None:
        self.told.append(details)


def add(a: int, b: int = 0) -> int:
    return a + b


def fail() -> None:
    raise ValueError("text")


async def test_handlers_are_run_sync_and_async() -> None:
    async def later(a: int, *, b: int) -> int:
        return add(a, b)

    assert await run_hook_async(add, 1, b=2, hook_name="OnActivate") == 3
    assert await run_hook_async(later, 1, b=2, timeout=5.0) == 3


async def test_a_time_out_and_an_error_have_the_old_classes() -> None:
    release = threading.Event()
    for handler in (lambda: asyncio.sleep(10), lambda: release.wait(PATIENCE)):
        with pytest.raises(HookTimeoutError, match=r"'X' timed out after 0\.1 seconds"):
            await run_hook_async(handler, timeout=0.1, hook_name="X")
    release.set()
    with pytest.raises(HookInvocationError, match="'X' raised ValueError: text"):
        await run_hook_async(fail, hook_name="X")


async def test_a_safe_call_gives_a_result_and_no_error() -> None:
    assert await invoke_hook_safe(add, 1, b=2, default=9) == (3, None)
    assert await invoke_hook_safe(None, default=9) == (9, None)


async def test_a_safe_call_gives_the_default_and_what_went_wrong(caplog: pytest.LogCaptureFixture) -> None:
    context = Context()
    result, error = await invoke_hook_safe(fail, hook_name="X", default=9, context=context)
    assert result == 9
    assert isinstance(error, HookInvocationError)
    assert context.told == [grpc.StatusCode.INVALID_ARGUMENT, str(error)]
    assert "'X' raised ValueError: text" in caplog.text


async def test_a_runner_has_a_time_out_and_a_call_may_have_another() -> None:
    assert HookRunner().timeout == DEFAULT_HOOK_TIMEOUT == 30.0
    runner = HookRunner(timeout=0.05)
    _, error = await runner.invoke(lambda: asyncio.sleep(10), hook_name="X")
    assert isinstance(error, HookTimeoutError)
    assert await runner.invoke(add, 1, timeout=5.0, hook_name="X") == (1, None)
