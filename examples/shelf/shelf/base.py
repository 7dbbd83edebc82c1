"""What all parts of the plugin share: its settings, and who is told what happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from mattermost_plugin import Plugin, Settings

MOST_WAITING = 100
"""Events that wait for one listener."""


@dataclass
class ShelfSettings:
    """What people can set; the manifest's `settings_schema` describes the same."""

    keep_days: int = 30
    max_megabytes: int = 1024


class Announcements:
    """Tells everybody who listens. Who does not keep up misses the oldest; nobody waits for anybody."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[str]] = set()

    def tell(self, **event: object) -> None:
        """Tell an event to all."""
        for waiting in self._listeners:
            if waiting.full():
                waiting.get_nowait()
            waiting.put_nowait(json.dumps(event))

    async def listen(self) -> AsyncIterator[str]:
        """What is told from now on, as JSON, until whoever listens goes away."""
        waiting: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._listeners.add(waiting)
        try:
            while True:
                yield await waiting.get()
        finally:
            self._listeners.discard(waiting)


class ShelfBase(Plugin):
    """A plugin with settings and announcements."""

    settings = Settings(ShelfSettings)

    def __init__(self) -> None:
        self.announcements = Announcements()
