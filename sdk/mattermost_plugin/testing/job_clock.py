"""The time by which a plugin's jobs run in a test: it stands still until the test travels."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

TIMEOUT = 10.0
"""Seconds that the jobs of one moment have to end."""


@dataclass(eq=False)
class _Sleeper:
    moment: float
    woken: asyncio.Event


class JobClock:
    """The `Clock` of a plugin's jobs. It begins with the present.

    Attributes:
        timeout: seconds that the jobs of one moment have to end.
        jobs: how many there are; set when the plugin is started.
    """

    def __init__(self) -> None:
        self.timeout = TIMEOUT
        self.jobs = 0
        self._now = float(int(time.time()))  # so that to travel there in steps is to travel there
        self._sleepers: set[_Sleeper] = set()
        self._changed = asyncio.Event()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    @property
    def time(self) -> datetime:
        """The same as a date, in UTC."""
        return datetime.fromtimestamp(self._now, UTC)

    async def sleep_until(self, moment: float) -> None:
        """Returns when the test has travelled there."""
        sleeper = _Sleeper(moment, asyncio.Event())
        self._sleepers.add(sleeper)
        self._changed.set()
        try:
            await sleeper.woken.wait()
        finally:
            self._sleepers.discard(sleeper)

    async def travel(
        self, seconds: float = 0.0, *, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0
    ) -> None:
        """Go on in time, and run what is due on the way, each at its moment; returns when all of it has ended.

        A job that raises does not stop the journey: its error is in the log.

        Raises:
            TimeoutError: a job does not end, or the plugin was not activated.
        """
        way = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        await self._go_on(self._now + way.total_seconds())

    async def travel_to(self, hour: int, minute: int = 0) -> None:
        """Travel to the next time that it is so late, in UTC."""
        there = self.time.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if there <= self.time:
            there += timedelta(days=1)
        await self._go_on(there.timestamp())

    async def _go_on(self, end: float) -> None:
        await self._settled()
        while self._sleepers and (moment := min(sleeper.moment for sleeper in self._sleepers)) <= end:
            self._now = max(self._now, moment)
            self._wake()
            await self._settled()
        self._now = end

    def _wake(self) -> None:
        for sleeper in [sleeper for sleeper in self._sleepers if sleeper.moment <= self._now]:
            self._sleepers.discard(sleeper)
            sleeper.woken.set()

    async def _settled(self) -> None:
        """Returns when every job waits for its next moment."""
        async with asyncio.timeout(self.timeout):
            while len(self._sleepers) < self.jobs:
                self._changed.clear()
                await self._changed.wait()
