"""Notifying hooks of one plugin: several at once, a bounded number waiting, and nobody waits for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from mattermost_plugin.origin import Origin, enter, here
from servehttp.logs import of_request
from servehttp.workspace.hooks.callers import HookFailed

logger = structlog.get_logger("servehttp.hooks")


class Background:
    """The notifications that one plugin has yet to get.

    Args:
        plugin_id: which plugin.
        limit: how many may wait; further ones are dropped.
        concurrency: how many run at once.
    """

    def __init__(self, plugin_id: str, limit: int, concurrency: int) -> None:
        self._plugin_id = plugin_id
        self._concurrency = concurrency
        self._waiting: asyncio.Queue[tuple[Origin, str, Callable[[], Awaitable[Any]]]] = asyncio.Queue(limit)
        self._workers: list[asyncio.Task[None]] = []

    def put(self, hook: str, ask: Callable[[], Awaitable[Any]]) -> None:
        """Notify the plugin of a hook soon, by calling `ask`, which raises `HookFailed`. Returns at once."""
        try:
            self._waiting.put_nowait((here(), hook, ask))
        except asyncio.QueueFull:
            logger.warning("notification dropped: too many wait for the plugin", plugin=self._plugin_id, hook=hook)
            return
        if len(self._workers) < self._concurrency:
            self._workers.append(asyncio.create_task(self._work(), name=f"notify {self._plugin_id}"))

    async def join(self) -> None:
        """Returns when all have been given, or have failed."""
        await self._waiting.join()

    async def close(self) -> None:
        """Forget what waits, and end what runs."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            origin, hook, ask = await self._waiting.get()
            enter(origin)
            try:
                with contextlib.suppress(HookFailed):  # it is in the log
                    self._log(hook, await ask())
            finally:
                self._waiting.task_done()

    def _log(self, hook: str, response: Any) -> None:
        if response is not None and "error" in response.DESCRIPTOR.fields_by_name and response.HasField("error"):
            error = response.error.message
            logger.warning("hook failed", plugin=self._plugin_id, hook=hook, error=error, **of_request())
