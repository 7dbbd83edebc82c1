"""How long a plugin may take to start: longer after each time-out, and longer beside others that start as well."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

LONGEST = 4
"""How many times its own time a plugin gets after time-outs; each doubles it."""
CORES = os.cpu_count() or 1


class Crowd:
    """The plugins of a gateway that are on their way up at one time, and share the machine's cores."""

    def __init__(self, cores: int = CORES) -> None:
        self._cores = cores
        self._count = 0

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be one of them meanwhile."""
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    @property
    def factor(self) -> float:
        """How many times longer each takes than it would alone, if all of them compute; at least 1."""
        return max(1.0, self._count / self._cores)


class Patience:
    """The start time-out of one plugin.

    Args:
        seconds: what it has at its first start, alone.
        crowd: who starts as well.
    """

    def __init__(self, seconds: float, crowd: Crowd) -> None:
        self._seconds = seconds
        self._crowd = crowd
        self._times = 1

    @contextlib.contextmanager
    def starting(self) -> Iterator[float]:
        """Be one of those that start meanwhile; yields the seconds that this start may take."""
        with self._crowd.entered():
            yield self._seconds * self._times * self._crowd.factor

    def timed_out(self) -> None:
        """It took longer than that: give it twice the time at its next start."""
        self._times = min(2 * self._times, LONGEST)

    def change(self, seconds: float) -> None:
        """Give it so many at its next start, alone."""
        self._seconds = seconds

    def forget(self) -> None:
        """It came up, or somebody acted."""
        self._times = 1
