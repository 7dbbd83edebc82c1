"""The tasks of this process' event loop, in the log, for whoever wants to know what it waits for."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, Final

import structlog

SHOWN: Final = 100
"""How many kinds of tasks are logged."""

log = structlog.get_logger("servehttp.tasks")


def log_tasks() -> None:
    """Log how many tasks there are, and of each kind how many, and where they wait: the most first."""
    kinds = Counter(_kind(task) for task in asyncio.all_tasks())
    log.info("tasks", count=kinds.total(), kinds=len(kinds), shown=min(len(kinds), SHOWN))
    for (name, place), count in kinds.most_common(SHOWN):
        log.info("task", name=name, place=place, count=count)


def _kind(task: asyncio.Task[Any]) -> tuple[str, str]:
    """What a task runs, and where it is: of what is compiled only the former is known."""
    coroutine = task.get_coro()
    name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    return name, _place(coroutine)


def _place(coroutine: Any) -> str:
    """Where the innermost coroutine waits that can be seen."""
    place = ""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_name}"
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return place
