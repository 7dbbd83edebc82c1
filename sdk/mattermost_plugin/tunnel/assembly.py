"""WebSocket messages that arrive in pieces."""

from __future__ import annotations

from mattermost_plugin.exchange import Message
from mattermost_plugin.tunnel.windows import cost


class Assembly:
    """Puts the pieces of a WebSocket message together.

    A message may be larger than the window, so its pieces have to be paid back before it is whole; but only while the
    application waits for it (its inbox is empty), or messages would pile up unread. So an exchange holds one message of
    at most `limit` bytes and one window of others.
    """

    __slots__ = ("_data", "_owed", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._data = bytearray()  # not a list of pieces, which would let tiny ones cost more than their bytes
        self._owed = 0

    @property
    def too_large(self) -> bool:
        return len(self._data) > self.limit

    def add(self, piece: Message) -> Message | None:
        """Take a piece; returns the message once it is whole."""
        self._owed += cost(piece.data)
        if not self._data and not piece.more and len(piece.data) <= self.limit:
            return piece
        self._data += piece.data
        if piece.more or self.too_large:
            return None
        message = Message(bytes(self._data), piece.text)
        self._data.clear()
        return message

    def settle(self) -> int:
        """What the pieces cost that were not paid back yet; they are from now on."""
        owed, self._owed = self._owed, 0
        return owed
