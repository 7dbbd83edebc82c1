"""Tells how a task is ended from outside from what the application that runs in it raises."""

from __future__ import annotations

import asyncio
from typing import Any


def current_task() -> asyncio.Task[Any] | None:
    """The task that runs now; None outside of one."""
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop runs
        return None


def ends_task(error: BaseException, task: asyncio.Task[Any] | None) -> bool:
    """Whether an exception is the end that somebody gave to `task`: it was cancelled, or its coroutine closed.

    An application may raise the same by itself: what it waited for was cancelled, or it raised `GeneratorExit`. That is
    a failure like any other.

    Args:
        error: what came out of the application.
        task: the one that runs it.
    """
    if isinstance(error, asyncio.CancelledError):
        return task is None or task.cancelling() > 0
    return isinstance(error, GeneratorExit) and (task is None or current_task() is not task)
