"""The tasks of this process' event loop, in the log, for whoever wants to know what it waits for."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import structlog

SHOWN: Final = 100
"""How many kinds of tasks are told."""

log = structlog.get_logger("servehttp.tasks")


@dataclass(frozen=True)
class TaskKind:
    """Tasks that are alike.

    Attributes:
        name: of what they run.
        place: where they wait.
        count: how many there are.
    """

    name: str
    place: str
    count: int


def task_kinds() -> list[TaskKind]:
    """The tasks of the running loop, at most `SHOWN` kinds, those first of which there are the most."""
    kinds = Counter(_kind(task) for task in asyncio.all_tasks())
    return [TaskKind(name, place, count) for (name, place), count in kinds.most_common(SHOWN)]


def log_tasks() -> None:
    """Log how many tasks there are, and of each kind how many, and where they wait."""
    kinds = task_kinds()
    log.info("tasks", count=len(asyncio.all_tasks()), kinds=len(kinds))
    for kind in kinds:
        log.info("task", **asdict(kind))


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
