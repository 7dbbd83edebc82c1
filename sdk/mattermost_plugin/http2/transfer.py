"""Messages in frames of data, both ways, within the windows of their streams and of the connection; no I/O."""

from __future__ import annotations

from collections import deque
from typing import Final

from mattermost_plugin.credit import Pool, Window
from mattermost_plugin.http2.endpoint import REFILL, Endpoint, unpadded
from mattermost_plugin.http2.errors import StreamViolation, Violation
from mattermost_plugin.http2.events import Event, MessageReceived
from mattermost_plugin.http2.frames import (
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FIRST_FRAME_SIZE,
    FIRST_WINDOW,
    FLOW_CONTROL_ERROR,
    HEADERS,
    LARGEST_WINDOW,
    PADDED,
    PROTOCOL_ERROR,
    RST_STREAM,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    frame_head,
    number,
)
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.messages import MAX_LITTLE, PREFIX_SIZE, size_in
from mattermost_plugin.http2.statuses import RESOURCE_EXHAUSTED, UNIMPLEMENTED
from mattermost_plugin.http2.streams import Stream

OUR_FRAME_SIZE: Final = 128 * 1024
"""A message of a piece of 64 KiB is one frame."""
OUTPUT: Final = 64 * 1024
"""Bytes of data that leave at once, where nothing else is said."""


class Transfer(Endpoint):
    """The streams of a connection, as far as data is concerned; to be derived from.

    Args:
        client: which end.
        limits: what the peer may send.

    Attributes:
        failed: the peer broke the protocol, or the connection was lost: nothing is heard of it any more.
    """

    def __init__(self, *, client: bool, limits: Limits) -> None:
        super().__init__(client=client, frame_size=OUR_FRAME_SIZE)
        self.failed = False
        self._max_message = limits.max_message
        self._first_window = limits.first_window
        self._largest_window = limits.largest_window
        self._pool = Pool(limits.pool_size)
        self._streams: dict[int, Stream] = {}
        self._ready: deque[Stream] = deque()
        self._events: list[Event] = []
        self._last_stream = 0  # the highest number that was used
        self._frame_size = FIRST_FRAME_SIZE
        self._initial_window = FIRST_WINDOW
        self._send_window = FIRST_WINDOW
        self._received = 0
        self._little = 0

    # For its user

    def send(self, stream: Stream, message: bytes) -> None:
        """Send a message, after those that wait."""
        self.send_pieces(stream, [message])

    def send_pieces(self, stream: Stream, pieces: list[bytes]) -> None:
        """Send a message that is in pieces, after those that wait."""
        if stream.local_open and not stream.ending:
            stream.put(pieces)
            self._schedule(stream)

    def consume(self, stream: Stream, credit: int) -> None:
        """Messages were consumed; `credit` is what came with them."""
        stream.unread -= credit
        if not stream.remote_open:
            return
        if stream.unread == 0:
            credit += self._credit_of_assembly(stream)
        self._return(stream, credit)

    @property
    def has_output(self) -> bool:
        """There may be something to write."""
        return bool(self._output or self._ready)

    def take_output(self, size: int = OUTPUT) -> list[bytes]:
        """The bytes to be written now: all answers, and about `size` bytes of data."""
        while self._ready and size > 0 and not self.failed:
            stream = self._ready.popleft()
            stream.scheduled = False
            if stream.waiting:
                if self._send_window <= 0:
                    self._ready.appendleft(stream)
                    stream.scheduled = True
                    break
                size -= self._send_data(stream)
            elif stream.ending and stream.local_open:
                self._send_end(stream)
            self._schedule(stream)
        output, self._output = self._output, []
        return output

    # Sending

    def _send_data(self, stream: Stream) -> int:
        """One frame of what waits; returns its size."""
        room = min(self._frame_size, stream.send_window, self._send_window)
        if room <= 0:
            return 0
        size = min(room, stream.queued)
        last = stream.ending and size == stream.queued and self._client
        self._output.append(frame_head(size, DATA, END_STREAM if last else 0, stream.id))
        self._output += stream.take(size)
        stream.queued -= size
        stream.send_window -= size
        self._send_window -= size
        if last:
            self._close_local(stream)
        elif stream.ending and not stream.waiting:
            self._send_end(stream)
        return size

    def _send_end(self, stream: Stream) -> None:
        """Nothing waits any more, and nothing follows."""
        raise NotImplementedError

    def _schedule(self, stream: Stream) -> None:
        if not stream.scheduled and stream.id and stream.sendable:
            stream.scheduled = True
            self._ready.append(stream)

    def _send_block(self, stream: int, flags: int, block: bytes) -> None:
        size = self._frame_size
        if len(block) <= size:
            self._frame(HEADERS, flags | END_HEADERS, stream, block)
            return
        self._frame(HEADERS, flags, stream, block[:size])
        for start in range(size, len(block), size):
            last = END_HEADERS if start + size >= len(block) else 0
            self._frame(CONTINUATION, last, stream, block[start : start + size])

    def _reset_stream(self, stream: int, code: int) -> None:
        self._frame(RST_STREAM, 0, stream, number(code))

    # Data

    def _receive_data(self, flags: int, id: int, data: bytes, start: int, end: int) -> None:
        size = end - start
        self._count(size)
        stream = self._streams.get(id)
        if stream is None:
            self._check_used(id, "data")
            return  # it was under way when the stream ended
        if not stream.remote_open:
            raise StreamViolation(STREAM_CLOSED, "data behind the end of a stream")
        if not stream.window.take(size):
            raise StreamViolation(FLOW_CONTROL_ERROR, f"{-stream.window.granted} more than the window allows was sent")
        if flags & PADDED:
            payload = unpadded(data[start:end])
            self._return(stream, size - len(payload))
            data, start, end = payload, 0, len(payload)
        if size <= PREFIX_SIZE:
            self._count_little(flags)
        else:
            self._little = 0
        self._cut(stream, data, start, end)
        if flags & END_STREAM and not stream.gone:
            if stream.assembly:
                raise StreamViolation(PROTOCOL_ERROR, "the stream ended within a message")
            self._end_remote(stream)

    def _count(self, size: int) -> None:
        self._received += size
        if self._received >= REFILL:
            self._answer(WINDOW_UPDATE, 0, 0, number(self._received))
            self._received = 0

    def _count_little(self, flags: int) -> None:
        if not flags & END_STREAM:
            self._little += 1
            if self._little > MAX_LITTLE:
                text = f"more than {MAX_LITTLE} frames in a row with next to nothing in them"
                raise Violation(ENHANCE_YOUR_CALM, text)

    def _cut(self, stream: Stream, data: bytes, start: int, end: int) -> None:
        """Hand out the messages that are complete, and keep the rest."""
        if stream.assembly:
            start += self._complete(stream, data, start, end)
        while end - start >= PREFIX_SIZE:
            size = PREFIX_SIZE + self._message_size(data, start)
            if start + size > end:
                break
            self._deliver(stream, data[start + PREFIX_SIZE : start + size], size)
            start += size
        if start < end:
            self._keep(stream, data[start:end])

    def _complete(self, stream: Stream, data: bytes, start: int, end: int) -> int:
        """Add to the message that has begun; returns how many bytes that took."""
        assembly = stream.assembly
        taken = 0
        if len(assembly) < PREFIX_SIZE:
            taken = min(PREFIX_SIZE - len(assembly), end - start)
            self._keep(stream, data[start : start + taken])
        if len(assembly) >= PREFIX_SIZE:
            size = PREFIX_SIZE + self._message_size(bytes(assembly[:PREFIX_SIZE]), 0)
            added = min(size - len(assembly), end - start - taken)
            if added:
                self._keep(stream, data[start + taken : start + taken + added])
                taken += added
            if len(assembly) == size:
                credit = size - stream.assembled
                message = bytes(assembly[PREFIX_SIZE:])
                assembly.clear()
                stream.assembled = 0
                self._deliver(stream, message, credit)
        return taken

    def _keep(self, stream: Stream, data: bytes) -> None:
        stream.assembly += data
        if stream.unread == 0:
            self._return(stream, self._credit_of_assembly(stream))

    def _credit_of_assembly(self, stream: Stream) -> int:
        credit = len(stream.assembly) - stream.assembled
        stream.assembled += credit
        return credit

    def _deliver(self, stream: Stream, message: bytes, credit: int) -> None:
        self._little = 0  # an empty message is a message: many answers are
        stream.unread += credit
        self._events.append(MessageReceived(stream, message, credit))

    def _message_size(self, data: bytes, start: int) -> int:
        size = size_in(data, start)
        if size < 0:
            raise StreamViolation(CANCEL, "a compressed message, and no compression was agreed on", UNIMPLEMENTED)
        if size > self._max_message:
            text = f"a message of {size} bytes; at most {self._max_message} are allowed"
            raise StreamViolation(CANCEL, text, RESOURCE_EXHAUSTED)
        return size

    def _return(self, stream: Stream, consumed: int) -> None:
        """Let the peer send as much again, once that is worth a frame."""
        credit = stream.window.consume(consumed)
        if credit and stream.remote_open:
            self._answer(WINDOW_UPDATE, 0, stream.id, number(credit))

    def _check_used(self, stream: int, what: str) -> None:
        if stream == 0 or stream > self._last_stream or stream % 2 == 0:
            raise Violation(PROTOCOL_ERROR, f"{what} for stream {stream}, which does not exist")

    def _end_remote(self, stream: Stream) -> None:
        """The peer has ended its side of a stream with its last data."""
        raise NotImplementedError

    def _widen(self, stream: Stream, increment: int) -> None:
        stream.send_window += increment
        if stream.send_window > LARGEST_WINDOW:
            raise StreamViolation(FLOW_CONTROL_ERROR, f"a window update of {increment}, beyond 2^31")
        self._schedule(stream)

    # Streams

    def _new_stream(self, id: int, path: str) -> Stream:
        return Stream(id, path, Window(self._pool, self._first_window, self._largest_window), self._initial_window)

    def _close_local(self, stream: Stream) -> None:
        """All was sent, the end with it."""
        stream.local_open = False
        if not stream.remote_open:
            self._remove(stream)

    def _remove(self, stream: Stream) -> None:
        stream.drop()
        if self._streams.pop(stream.id, None) is not None:
            self._streams_changed()

    def _streams_changed(self) -> None:
        """There may be room for others."""
