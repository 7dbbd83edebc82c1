"""How often something may be tried within a window of time."""

from __future__ import annotations

import time
from collections import OrderedDict, deque

MAX_KEYS = 10_000
"""For so many keys tries are counted; beyond that the one that was longest untouched is forgotten."""


class RateLimit:
    """Counts tries by key, in memory.

    Args:
        tries: how many within the window.
        window: its length in seconds.
    """

    def __init__(self, tries: int, window: float) -> None:
        self._tries = tries
        self._window = window
        self._made: OrderedDict[str, deque[float]] = OrderedDict()

    def allow(self, key: str) -> bool:
        """Count a try; returns whether it is within the limit. One that is not does not count."""
        now = time.monotonic()
        made = self._made.setdefault(key, deque(maxlen=self._tries))
        self._made.move_to_end(key)
        if len(self._made) > MAX_KEYS:
            self._made.popitem(last=False)
        while made and made[0] <= now - self._window:
            made.popleft()
        if len(made) == self._tries:
            return False
        made.append(now)
        return True

    def forget(self, key: str) -> None:
        """Begin to count anew."""
        self._made.pop(key, None)
