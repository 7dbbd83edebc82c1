"""The time by which jobs run; tests have another one."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

LONGEST_SLEEP = 60.0
"""Seconds: somebody may set the machine's clock meanwhile."""


class Clock(Protocol):
    """Tells the time, and waits."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep_until(self, moment: float) -> None:
        """Returns at that time."""
        ...


class SystemClock:
    """The machine's; a `Clock`."""

    def now(self) -> float:
        return time.time()

    async def sleep_until(self, moment: float) -> None:
        while (left := moment - self.now()) > 0:  # noqa: ASYNC110  # only a look at the clock tells that it was set
            await asyncio.sleep(min(left, LONGEST_SLEEP))
