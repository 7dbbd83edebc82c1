"""How often something may be tried within a window of time."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict, deque

MAX_KEYS = 10_000
"""For so many keys tries are counted; beyond that the one that was longest untouched is forgotten."""


class RateLimit:
    """Counts tries by key, in memory. Of a key only a digest is kept: it may be anything that a client sent.

    Args:
        tries: how many within the window.
        window: its length in seconds.
    """

    def __init__(self, tries: int, window: float) -> None:
        self._tries = tries
        self._window = window
        self._made: OrderedDict[bytes, deque[float]] = OrderedDict()

    def allow(self, key: str) -> bool:
        """Count a try; returns whether it is within the limit. One that is not does not count."""
        now, kept = time.monotonic(), _digest(key)
        made = self._made.setdefault(kept, deque(maxlen=self._tries))
        self._made.move_to_end(kept)
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
        self._made.pop(_digest(key), None)


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=16).digest()
