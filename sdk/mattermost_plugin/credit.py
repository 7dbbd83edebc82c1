"""What a receiver lets its peer send, as arithmetic.

A receiver returns credit when what it took was consumed and half of the window is free. A window that keeps being
emptied grows out of a pool that it shares with others; the first window is everybody's own and is never taken from it,
so a reader that stalls costs its neighbours nothing.
"""

from __future__ import annotations


class Pool:
    """Credit beyond the first windows, shared by all of a connection."""

    __slots__ = ("free",)

    def __init__(self, size: int) -> None:
        self.free = size

    def take(self, amount: int) -> bool:
        if amount > self.free:
            return False
        self.free -= amount
        return True

    def give(self, amount: int) -> None:
        self.free += amount


class Window:
    """What the peer may still send, and what it gets back when.

    Args:
        pool: what growth is paid from.
        first: what the peer may send before any of it was consumed.
        largest: to which the window may grow.
    """

    __slots__ = ("_first", "_largest", "_pool", "_taken", "granted", "size")

    def __init__(self, pool: Pool, first: int, largest: int) -> None:
        self._pool = pool
        self._first = first
        self._largest = largest
        self._taken = 0
        self.size = first
        self.granted = first

    @property
    def held(self) -> int:
        """What arrived and was not consumed yet."""
        return self.size - self.granted - self._taken

    def take(self, amount: int) -> bool:
        """Something arrived; False where the peer had no credit for it, and then `-granted` is what it lacked."""
        self.granted -= amount
        return self.granted >= 0

    def consume(self, amount: int) -> int:
        """Something was consumed: how much credit to return now, often 0."""
        self._taken += amount
        if self._taken * 2 < self.size:
            return 0
        credit = self._taken + self._grow()
        self._taken = 0
        self.granted += credit
        return credit

    def _grow(self) -> int:
        growth = min(self.size, self._largest - self.size)
        if growth <= 0 or not self._pool.take(growth):
            return 0
        self.size += growth
        return growth

    def release(self) -> None:
        """It is over: what it had beyond its first window goes back to the pool."""
        self._pool.give(self.size - self._first)
        self.size = self._first
