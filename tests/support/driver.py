"""mattermostautodriver, a client of Mattermost that others wrote, and what its WebSocket client hears."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mattermostautodriver import AsyncTypedDriver

SECONDS = 10
"""Longest that a test waits for an event."""


@dataclass
class Listener:
    """What the driver's WebSocket client was told."""

    events: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    async def __call__(self, message: str) -> None:
        await self.events.put(json.loads(message))

    async def next(self, name: str) -> dict[str, Any]:
        """The next event of a name; others are passed over."""
        async with asyncio.timeout(SECONDS):
            while (event := await self.events.get()).get("event") != name:
                pass
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
