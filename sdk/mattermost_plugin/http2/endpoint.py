"""Frames in and out of one end of a connection, and the blocks of headers in them; no I/O."""

from __future__ import annotations

from typing import Final

from mattermost_plugin.http2.errors import Violation
from mattermost_plugin.http2.frames import (
    CONTINUATION,
    END_HEADERS,
    ENHANCE_YOUR_CALM,
    FRAME_SIZE_ERROR,
    HEAD_SIZE,
    PADDED,
    PREFACE,
    PRIORITY,
    PRIORITY_SIZE,
    PROTOCOL_ERROR,
    frame_head,
    number_in,
    size_in,
)

MAX_UNREAD: Final = 64 * 1024
"""Bytes of answers that may wait for a peer that does not read, before its next bytes."""
MAX_HEADER_BLOCK: Final = 64 * 1024
MAX_CONTINUATIONS: Final = 64
"""Frames of one header block beside the first, and that is more than its bytes need."""
ANY_WORK: Final = 2**30
REFILL: Final = 2**30
"""Bytes received after which windows that are as large as they can be are made whole again."""


class Endpoint:
    """One end, as far as frames are concerned; to be derived from.

    Args:
        client: which end.
        frame_size: bytes that the payload of a frame may have that arrives.
    """

    def __init__(self, *, client: bool, frame_size: int) -> None:
        self._client = client
        self._output: list[bytes] = []
        self._greeted = client  # a client sends the preface, so only a server has one to read
        self._our_frame_size = frame_size
        self._unread = b""
        self._work = ANY_WORK  # that may still be done with what was read, before others have their turn
        self._answered = 0
        self._block: bytearray | None = None
        self._block_stream = 0
        self._block_flags = 0
        self._continuations = 0

    def take_frame(self, kind: int, flags: int, stream: int, data: bytes, start: int, end: int) -> None:
        """A frame has come whose payload is `data[start:end]`."""
        raise NotImplementedError

    def take_block(self, stream: int, flags: int, block: bytes) -> None:
        """A block of headers is complete; the flags are those of its first frame."""
        raise NotImplementedError

    def written(self) -> None:
        """All of the output has left: no answer waits for the peer."""
        self._answered = 0

    # Reading

    def _feed(self, data: bytes) -> None:
        if self._answered > MAX_UNREAD:
            text = f"{self._answered} bytes of answers wait for a peer that does not read them"
            raise Violation(ENHANCE_YOUR_CALM, text)
        start = 0
        while self._unread and start < len(data) and self._work > 0:
            lacking = self._lacking(self._unread)  # joined with no more than it lacks: the rest may be much
            self._read(self._unread + data[start : start + lacking], 0)
            start += lacking
        if start < len(data):
            if self._unread:
                self._unread += data[start:]
            else:
                self._read(data, start)

    def _go_on(self, data: bytes) -> None:
        """As `_feed`, where whole frames may have been left."""
        unread, self._unread = self._unread + data, b""
        self._read(unread, 0)

    def _lacking(self, frame: bytes) -> int:
        """How many bytes at least a frame that has begun has still to come."""
        if not self._greeted:
            return len(PREFACE) - len(frame)
        if len(frame) < HEAD_SIZE:
            return HEAD_SIZE - len(frame)
        return HEAD_SIZE + size_in(frame, 0) - len(frame)

    def _read(self, data: bytes, position: int) -> None:
        """Take the whole frames from `position` on, and keep what is left."""
        if not self._greeted:
            position += self._take_preface(data)
        end = len(data)
        while self._greeted and end - position >= HEAD_SIZE and self._work > 0:
            size = size_in(data, position)
            if size > self._our_frame_size:
                text = f"a frame of {size} bytes; at most {self._our_frame_size} are allowed"
                raise Violation(FRAME_SIZE_ERROR, text)
            start = position + HEAD_SIZE
            if start + size > end:
                break
            kind, flags = data[position + 3], data[position + 4]
            stream = number_in(data, position + 5)
            position = start + size
            if (self._block is not None) != (kind == CONTINUATION):
                text = "a header block was interrupted, or continued without a beginning"
                raise Violation(PROTOCOL_ERROR, text)
            # With its place in what was read, not cut out of it: a frame of data is then copied once, as a message.
            self.take_frame(kind, flags, stream, data, start, position)
        self._unread = data[position:]

    def _take_preface(self, data: bytes) -> int:
        if not PREFACE.startswith(data[: len(PREFACE)]):
            raise Violation(PROTOCOL_ERROR, "the connection does not begin as HTTP/2")
        self._greeted = len(data) >= len(PREFACE)
        return len(PREFACE) if self._greeted else 0

    # Header blocks

    def _begin_block(self, stream: int, flags: int, payload: bytes) -> None:
        payload = unpadded(payload) if flags & PADDED else payload
        if flags & PRIORITY:
            if len(payload) < PRIORITY_SIZE:
                raise Violation(FRAME_SIZE_ERROR, "a priority of an impossible length")
            payload = payload[PRIORITY_SIZE:]
        if flags & END_HEADERS and len(payload) <= MAX_HEADER_BLOCK:  # as nearly always: it is one frame
            self.take_block(stream, flags, payload)
            return
        self._block = bytearray()
        self._block_stream = stream
        self._block_flags = flags
        self._continuations = 0
        self._add_to_block(payload, flags)

    def _continue_block(self, stream: int, flags: int, payload: bytes) -> None:
        if stream != self._block_stream:
            raise Violation(PROTOCOL_ERROR, "a header block was interrupted by another stream's")
        self._continuations += 1
        if self._continuations > MAX_CONTINUATIONS:
            raise Violation(ENHANCE_YOUR_CALM, f"a header block in more than {MAX_CONTINUATIONS} pieces")
        self._add_to_block(payload, flags)

    def _add_to_block(self, payload: bytes, flags: int) -> None:
        assert self._block is not None
        self._block += payload
        if len(self._block) > MAX_HEADER_BLOCK:
            raise Violation(ENHANCE_YOUR_CALM, f"a header block of more than {MAX_HEADER_BLOCK} bytes")
        if flags & END_HEADERS:
            block, self._block = bytes(self._block), None
            self.take_block(self._block_stream, self._block_flags, block)

    # Writing

    def _answer(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """A frame that the peer's own made necessary."""
        self._answered += HEAD_SIZE + len(payload)
        self._frame(kind, flags, stream, payload)

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self._output.append(frame_head(len(payload), kind, flags, stream) + payload)


def unpadded(payload: bytes) -> bytes:
    """The payload of a padded frame without its padding.

    Raises:
        Violation: there is more padding than payload.
    """
    if not payload or payload[0] >= len(payload):
        raise Violation(PROTOCOL_ERROR, "padding longer than its frame")
    return payload[1 : len(payload) - payload[0]]


def check_size(payload: bytes, size: int, what: str = "a frame") -> None:
    """See that a frame has the size that all of its kind have.

    Raises:
        Violation: it has not; the text says so of `what`.
    """
    if len(payload) != size:
        raise Violation(FRAME_SIZE_ERROR, f"{what} of an impossible length")
