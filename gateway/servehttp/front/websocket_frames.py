"""Messages of one frame, read and written without the library: nearly every message of a WebSocket is one.

What is rarer is the library's (`websockets`): control frames, messages in several frames, and whatever breaks the
protocol. It is handed what was read from the first such frame on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mattermost_plugin.exchange import Message

try:
    from websockets.speedups import apply_mask
except ImportError:  # the library was installed without its extension module
    from websockets.utils import apply_mask

FINAL: Final = 0x80
"""Of a message's frames the last one has this in its first byte."""
WHOLE_TEXT: Final = 0x81
"""The first byte of a text message in one frame that is not compressed."""
WHOLE_BYTES: Final = 0x82
"""The same of a binary one."""
COMPRESSED: Final = 0x40
"""RSV1, which says that the message is (RFC 7692 §6)."""
MASKED: Final = 0x80

SHORT: Final = 126
"""Lengths below this stand in the second byte, which otherwise says that two or eight bytes of length follow."""
LONG: Final = 127
TWO_BYTES: Final = 65536

BATCH: Final = 64 * 1024
"""Bytes of messages that are handed out together. What is behind them stays compressed until they were taken."""

NOT_YET: Final = -1
NOT_OURS: Final = -2

Inflate = Callable[[bytes, bool], bytes]
"""Takes the payload of a compressed frame, and whether it is text; raises whatever the library's extension does."""


class FrameReader:
    """Cuts messages out of what a client sends.

    Args:
        max_size: of a message, in bytes; the library is to refuse a larger one.
        inflate: if messages may be compressed.

    Attributes:
        error: why nothing behind the messages that were handed out can be read, if so: text that is not UTF-8, or what
            `inflate` raised.
        library_due: what comes next is for the library (`take_rest`).
    """

    __slots__ = (
        "_data",
        "_inflate",
        "_kinds",
        "_max_size",
        "_pieces",
        "_position",
        "_size",
        "_wanted",
        "error",
        "library_due",
    )

    def __init__(self, max_size: int, inflate: Inflate | None) -> None:
        self._max_size = max_size
        self._inflate = inflate
        self._kinds = 0xFF if inflate is None else 0xFF ^ COMPRESSED  # what of a first byte has to be a known kind
        self._data = b""
        self._position = 0  # up to where it was handed out
        self._pieces: list[bytes] = []  # what came behind it while that could not complete a frame
        self._size = 0  # of `_data` and `_pieces`
        self._wanted = 0  # how large they have to be for the next frame
        self.error: Exception | None = None
        self.library_due = False

    @property
    def held(self) -> int:
        """Bytes that were read, and not handed out."""
        return self._size - self._position

    def feed(self, data: bytes) -> None:
        """More was read."""
        if self._position == self._size:  # as nearly always
            self._data = data
            self._size = len(data)
            self._position = 0
        else:
            self._pieces.append(data)
            self._size += len(data)

    def messages(self) -> list[Message]:
        """Those that are next; none where one is incomplete, or in `error`, or for the library."""
        messages: list[Message] = []
        if self._size < self._wanted or self.error is not None:
            return messages
        self._join()
        taken = 0
        while taken < BATCH and self._position < self._size:
            end = self._end()
            if end < 0:
                self.library_due = end == NOT_OURS
                self._forget_taken()
                break
            message = self._message(end)
            if message is None:
                break
            messages.append(message)
            taken += len(message.data)
        return messages

    def take_rest(self) -> bytes:
        """What was not handed out: for the library, which reads on from there."""
        self._join()
        self._forget_taken()
        rest, self._data = self._data, b""
        self._size = self._wanted = 0
        self.library_due = False
        return rest

    def _join(self) -> None:
        self._wanted = 0
        if self._pieces:
            self._forget_taken()
            self._data = b"".join([self._data, *self._pieces])
            self._pieces = []

    def _forget_taken(self) -> None:
        """Keep nothing in memory that was handed out."""
        if self._position:
            self._data = self._data[self._position :]
            self._size -= self._position
            self._position = 0

    def _end(self) -> int:
        """Where the next frame ends, if it is all there and a message that is read here."""
        data, start = self._data, self._position
        left = self._size - start
        if left < 2:
            return self._wait_for(2)
        kind = data[start] & self._kinds
        length = data[start + 1] - MASKED
        if (kind != WHOLE_TEXT and kind != WHOLE_BYTES) or length < 0:
            return NOT_OURS
        if length < SHORT:
            size = 6 + length
        elif length == SHORT:
            if left < 4:
                return self._wait_for(4)
            size = 8 + (data[start + 2] << 8 | data[start + 3])
            length = size - 8
        else:
            if left < 10:
                return self._wait_for(10)
            length = int.from_bytes(data[start + 2 : start + 10], "big")
            size = 14 + length
        if length > self._max_size:
            return NOT_OURS
        return start + size if left >= size else self._wait_for(size)

    def _wait_for(self, size: int) -> int:
        self._wanted = size
        return NOT_YET

    def _message(self, end: int) -> Message | None:
        """The message in a frame that is all there; None where it cannot be read."""
        data, start = self._data, self._position
        first = data[start]
        length = data[start + 1] - MASKED
        payload = start + (6 if length < SHORT else 8 if length == SHORT else 14)
        text = first & 1 == 1
        masked = (
            data[payload:end] if length < LONG else memoryview(data)[payload:end]
        )  # a large one is not copied twice
        content = apply_mask(masked, data[payload - 4 : payload])
        self._position = end
        try:
            if self._inflate is not None and first & COMPRESSED:
                content = self._inflate(content, text)
            if text and not content.isascii():
                content.decode()
        except Exception as error:  # the library's extension says in ways of its own what is wrong with the peer's data
            self.error = error
            return None
        return Message(content, text)


def _short_heads(first: int) -> list[bytes]:
    return [bytes((first, length)) for length in range(SHORT)]


_TEXT_HEADS: Final = _short_heads(WHOLE_TEXT)
_BYTES_HEADS: Final = _short_heads(WHOLE_BYTES)


def frame_head(text: bool, length: int) -> bytes:
    """What stands before a message of so many bytes, in one frame that is not compressed."""
    if length < SHORT:
        return _TEXT_HEADS[length] if text else _BYTES_HEADS[length]
    return long_head(WHOLE_TEXT if text else WHOLE_BYTES, length)


def long_head(first: int, length: int) -> bytes:
    """The head of a frame whose first byte is given."""
    if length < SHORT:
        return bytes((first, length))
    if length < TWO_BYTES:
        return bytes((first, SHORT, length >> 8, length & 0xFF))
    return bytes((first, LONG)) + length.to_bytes(8, "big")
