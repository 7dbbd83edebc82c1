"""When to start again what has failed: arithmetic over the times of past failures, and no waiting."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RestartPolicy:
    """How patient to be; all times in seconds.

    The delay doubles (`factor`) with each failure of the last `window` seconds. A plugin that runs well is forgiven as
    the window moves on, so no timer has to be reset.
    """

    first_delay: float = 1.0
    factor: float = 2.0
    longest_delay: float = 30.0
    limit: int | None = 3
    """This many failures within `window` end the attempts; None never gives up."""
    window: float = 3600.0
    good_service: float = 3600.0
    """Who has served so long starts again at once; only if that fails, or it ends soon again, there is a delay."""


class Backoff:
    """The failures of one thing, and what follows from each."""

    def __init__(self, policy: RestartPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._failures: deque[tuple[float, float]] = deque()

    def failed(self, *, served: float = 0.0, weight: float = 1.0) -> float | None:
        """Count a failure that happened now.

        Args:
            served: for how many seconds all was well before it.
            weight: how much it counts towards the limit.

        Returns:
            The seconds to wait before the next attempt, or None: give up.
        """
        policy = self._policy
        now = self._clock()
        self._failures.append((now, weight))
        while now - self._failures[0][0] > policy.window:
            self._failures.popleft()
        if policy.limit is not None and sum(weight for _, weight in self._failures) >= policy.limit:
            return None
        return 0.0 if served >= policy.good_service else self._delay(len(self._failures))

    def forget(self) -> None:
        """Start afresh: somebody acted."""
        self._failures.clear()

    def _delay(self, count: int) -> float:
        policy = self._policy
        delay = policy.first_delay
        for _ in range(count - 1):
            if delay >= policy.longest_delay:
                break
            delay *= policy.factor
        return min(delay, policy.longest_delay)
