"""What asyncio lacks: the first of several things, and a task that runs meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def first_completed(*contenders: Coroutine[Any, Any, T]) -> T:
    """Run all of them side by side until one ends, and cancel the others.

    Returns:
        The result of the one that ended first, and of several the one named first; if it raised, so does this.
    """
    tasks = [asyncio.ensure_future(contender) for contender in contenders]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task.done()).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, object], *, name: str | None = None) -> AsyncIterator[None]:
    """Run something in a task of its own within `async with`; what is left of it is cancelled and awaited at the end.

    Args:
        work: what runs; what it raises is not seen.
        name: the task's.
    """
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
