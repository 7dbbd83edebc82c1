"""mattermostautodriver, a client of Mattermost that others wrote, and what its WebSocket client hears."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mattermostautodriver import AsyncTypedDriver

from support.patience import PATIENCE

SECONDS = PATIENCE
"""Longest that a test waits for an event."""


class Listener:
    """What the driver's WebSocket client was told."""

    def __init__(self) -> None:
        self._coming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._passed: list[dict[str, Any]] = []

    async def __call__(self, message: str) -> None:
        await self._coming.put(json.loads(message))

    async def next(self, name: str) -> dict[str, Any]:
        """The next event of a name; others, which may come before it or after it, wait to be asked for."""
        for event in self._passed:
            if event.get("event") == name:
                self._passed.remove(event)
                return event
        async with asyncio.timeout(SECONDS):
            while (event := await self._coming.get()).get("event") != name:
                self._passed.append(event)
        return event


def driver_of(port: int, **credentials: str) -> AsyncTypedDriver:
    """A driver for a server on this machine: with `login_id` and `password`, or with `token`."""
    options = {"scheme": "http", "url": "127.0.0.1", "port": port, "max_retries": 0}
    return AsyncTypedDriver(options | credentials)


@asynccontextmanager
async def listening(driver: AsyncTypedDriver) -> AsyncIterator[Listener]:
    """The WebSocket client of a driver that is logged in, connected."""
    listener = Listener()
    task = asyncio.ensure_future(driver.init_websocket(listener))
    await listener.next("hello")
    try:
        yield listener
    finally:
        driver.disconnect()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
