"""How much the WebSockets of a process may hold of messages that are not complete, or that nobody has taken yet."""

from __future__ import annotations


class WebSocketBudget:
    """Counts bytes, of all WebSockets and of those of each client address.

    Args:
        total: bytes for all of them.
        per_client: bytes for those of one address.
    """

    def __init__(self, total: int, per_client: int) -> None:
        self._total = total
        self._per_client = per_client
        self._held = 0
        self._by_client: dict[str, int] = {}

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self._held

    def hold(self, client: str, size: int) -> bool:
        """Count bytes that are held from now on; returns whether there was room for them."""
        self._held += size
        mine = self._by_client[client] = self._by_client.get(client, 0) + size
        return self._held <= self._total and mine <= self._per_client

    def release(self, client: str, size: int) -> None:
        """They are held no longer."""
        self._held -= size
        left = self._by_client.get(client, 0) - size
        if left > 0:
            self._by_client[client] = left
        else:
            self._by_client.pop(client, None)
