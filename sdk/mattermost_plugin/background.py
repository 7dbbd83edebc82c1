"""A plugin's background work: tasks of the event loop that end when the plugin is deactivated or stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from mattermost_plugin.loggers import get_logger

CANCEL_TIMEOUT = 0.5
"""Seconds that cancelled tasks get to clean up. A go-plugin host kills the process two seconds after it asked it to
stop, and other things have to end in them too."""

Result = TypeVar("Result")

logger = get_logger("mattermost_plugin.tasks")


class BackgroundTasks:
    """The tasks of one plugin; it has one as `self.tasks`.

    They may be started from when the plugin is served, and are cancelled when it is deactivated, when it stops and when
    its activation fails; activated again, it may start new ones. A task that raises ends alone, and the log has its
    trace. All of it belongs to the event loop: async handlers, endpoints and the lifespan use it, threads cannot.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def __len__(self) -> int:
        """How many are running."""
        return len(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, Result], *, name: str | None = None) -> asyncio.Task[Result]:
        """Run a coroutine beside everything else, and return its task, which may be awaited or cancelled.

        Args:
            coroutine: what to run.
            name: for the log; by default the coroutine's.

        Raises:
            RuntimeError: called outside of the plugin's event loop, or after the plugin was deactivated.
        """
        try:
            self._check_usable()
        except RuntimeError:
            coroutine.close()
            raise
        task = asyncio.create_task(coroutine, name=name or getattr(coroutine, "__qualname__", None))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def cancel(self) -> None:
        """Cancel all tasks, wait until they have ended, at most `CANCEL_TIMEOUT`, and accept no new ones."""
        self._closed = True
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        _, unfinished = await asyncio.wait(tasks, timeout=CANCEL_TIMEOUT)
        if unfinished:
            names = ", ".join(sorted(task.get_name() for task in unfinished))
            logger.warning("cancelled %s s ago, but still running: %s", CANCEL_TIMEOUT, names)

    def reopen(self) -> None:
        """Accept tasks again."""
        self._closed = False

    def _check_usable(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "self.tasks belongs to the event loop, and this is a thread without one: start the task in an async"
                " handler (a sync one runs in a thread)"
            ) from None
        self._loop = self._loop or loop
        if loop is not self._loop:
            raise RuntimeError("self.tasks belongs to the plugin's event loop, and this is another one")
        if self._closed:
            raise RuntimeError("the plugin is not active any more, so it starts no tasks")

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("background task %s failed: %s", task.get_name(), error, exc_info=error)


def tasks_of(plugin: object) -> BackgroundTasks | None:
    """The plugin's tasks, if it has ever asked for them."""
    tasks = vars(plugin).get("tasks")
    return tasks if isinstance(tasks, BackgroundTasks) else None


async def cancel_tasks(plugin: object) -> None:
    """Cancel what the plugin has running."""
    tasks = tasks_of(plugin)
    if tasks is not None:
        await tasks.cancel()


def reopen_tasks(plugin: object) -> None:
    """Let a plugin that was deactivated start tasks again."""
    tasks = tasks_of(plugin)
    if tasks is not None:
        tasks.reopen()
