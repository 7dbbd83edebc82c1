"""The event loop's clock in a test's hands: time passes when the test says so, however long anything takes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """What the running loop takes for the time, and so what its timers wait for."""

    def __init__(self, now: float) -> None:
        self._now = now

    def read(self) -> float:
        """The time, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass at once; timers that are due run in the loop's next turn."""
        self._now += seconds


@contextmanager
def stopped_clock() -> Iterator[Clock]:
    """A clock that stands still but for its `advance`, for the time of the block."""
    loop = asyncio.get_running_loop()
    clock = Clock(loop.time())
    loop.time = clock.read  # type: ignore[method-assign]
    try:
        yield clock
    finally:
        del loop.time
