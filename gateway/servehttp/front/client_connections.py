"""How many connections each client address has, so that none has them all."""

from __future__ import annotations

from typing import Final

ANY_NUMBER: Final = 0


class ClientConnections:
    """The connections of a process by the address that they come from, which may be a proxy's.

    Args:
        limit: how many one address may have; `ANY_NUMBER` for any.

    Attributes:
        limit: that, for those that come from now on.
    """

    def __init__(self, limit: int = ANY_NUMBER) -> None:
        self.limit = limit
        self._open: dict[str, int] = {}

    def enter(self, address: str) -> bool:
        """Have one more; False, and none more, where that is too many. Those without an address are not limited."""
        count = self._open.get(address, 0)
        if address and ANY_NUMBER < self.limit <= count:
            return False
        self._open[address] = count + 1
        return True

    def leave(self, address: str) -> None:
        """One of those that have entered is closed."""
        count = self._open.get(address, 0)
        if count > 1:
            self._open[address] = count - 1
        else:
            self._open.pop(address, None)
