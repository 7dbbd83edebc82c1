"""WebSocket messages that arrive in pieces."""

from __future__ import annotations

from mattermost_plugin.exchange import Message
from mattermost_plugin.tunnel.windows import cost


class Assembly:
    """Puts the pieces of a WebSocket message together.

    A message may be larger than the window, so its pieces need their credit back before it is whole; but only while the
    application waits for it (its inbox is empty), or messages would pile up unread. So an exchange holds one message of
    at most `limit` bytes and one window of others.
    """

    __slots__ = ("_data", "_held_credit", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._data = bytearray()  # not a list of pieces, which would let tiny ones cost more than their bytes
        self._held_credit = 0

    @property
    def too_large(self) -> bool:
        return len(self._data) > self.limit

    def add(self, piece: Message) -> Message | None:
        """Take a piece; returns the message once it is whole."""
        self._held_credit += cost(piece.data)
        if not self._data and not piece.more and len(piece.data) <= self.limit:
            return piece
        self._data += piece.data
        if piece.more or self.too_large:
            return None
        message = Message(bytes(self._data), piece.text)
        self._data.clear()
        return message

    def take_credit(self) -> int:
        """The credit of the pieces that was not returned yet; the caller returns it."""
        credit, self._held_credit = self._held_credit, 0
        return credit
