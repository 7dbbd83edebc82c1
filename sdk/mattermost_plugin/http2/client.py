"""The end of a connection that calls."""

from __future__ import annotations

from collections import deque
from typing import Final

from mattermost_plugin.http2.connection import Connection
from mattermost_plugin.http2.errors import CannotCall, StreamViolation
from mattermost_plugin.http2.events import CallEnded, Draining, ResponseReceived
from mattermost_plugin.http2.frames import (
    CANCEL,
    DATA,
    END_STREAM,
    GOAWAY,
    LARGEST_STREAM,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    frame_head,
    number,
)
from mattermost_plugin.http2.header_blocks import Fields, Head, Template, list_size, literal
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.messages import encoded_timeout
from mattermost_plugin.http2.statuses import UNAVAILABLE, UNKNOWN, decoded_text, number_of, of_http, of_reset
from mattermost_plugin.http2.streams import Stream

MOST_TEMPLATES: Final = 64
"""Paths whose heads are in the peer's table; others are sent as they are."""
LAST_CALL: Final = LARGEST_STREAM - 2**16
"""The number from which on a connection is spent: what is to come goes over another."""
GRPC: Final = b"application/grpc"


class ClientConnection(Connection):
    """Makes calls.

    Args:
        limits: what the peer may do.
        scheme: "http" or "https".
        authority: whom the calls are for.

    Attributes:
        draining: no call can be begun any more.
    """

    def __init__(self, limits: Limits, scheme: str = "http", authority: str = "localhost") -> None:
        super().__init__(client=True, limits=limits)
        self.draining = False
        self._scheme = scheme.encode()
        self._authority = authority.encode()
        self._max_waiting = limits.max_waiting
        self._next = 1
        self._pending: deque[Stream] = deque()  # those that were given up are passed over
        self._waiting_calls = 0
        self._templates: dict[str, Template] = {}

    @property
    def open_calls(self) -> int:
        """How many calls are open, those that wait to be begun with them."""
        return len(self._streams) + self._waiting_calls

    def call(self, path: str, timeout: float | None = None, fields: Fields = ()) -> Stream:
        """Begin a call; where the peer takes no more at the moment it waits, and everything that is sent with it.

        Args:
            path: what is called.
            timeout: what is left of the time for the answer, which the server is told.
            fields: metadata.

        Raises:
            CannotCall: the connection ends, or as many calls wait as may.
        """
        if self.draining or self.failed:
            raise CannotCall("the connection takes no more calls")
        if fields and list_size(fields) > self._peer_header_list:
            raise CannotCall(f"the peer takes at most {self._peer_header_list} bytes of metadata")
        stream = self._new_stream(0, path)
        if timeout is not None:
            stream.head_block = literal(b"grpc-timeout", encoded_timeout(timeout).encode())
        for name, value in fields:
            stream.head_block += literal(name, value)
        if len(self._streams) < self.peer_max_streams and not self._waiting_calls:
            self._begin(stream)
        elif self._waiting_calls >= self._max_waiting:
            raise CannotCall(f"{self._waiting_calls} calls wait already")
        else:
            self._pending.append(stream)
            self._waiting_calls += 1
        return stream

    def end(self, stream: Stream) -> None:
        """No more messages are sent."""
        if stream.local_open:
            stream.ending = True
            self._schedule(stream)

    def reset(self, stream: Stream, code: int = CANCEL) -> None:
        """Give a call up; nothing more is told of it."""
        if stream.gone:
            return
        if stream.id:
            self._reset_stream(stream.id, code)
        else:
            self._waiting_calls -= 1
        self._remove(stream)

    def drain(self) -> None:
        """Begin no more calls; those that are open go on."""
        self.draining = True

    def say_goodbye(self) -> None:
        """Tell the peer that the connection ends now."""
        self._frame(GOAWAY, 0, 0, number(0) + number(NO_ERROR))

    # Beginning

    def _begin(self, stream: Stream) -> None:
        stream.id = self._last_stream = self._next
        self._next += 2
        if self._next > LAST_CALL:
            self._stop_calling("the connection's numbers are used up", orderly=True)
        stream.send_window = self._initial_window
        self._streams[stream.id] = stream
        self._send_block(stream.id, 0, self._opening(stream.path) + stream.head_block)
        self._schedule(stream)

    def _opening(self, path: str) -> bytes:
        template = self._templates.get(path)
        if template is None:
            if len(self._templates) >= MOST_TEMPLATES:
                fields = self._head_fields(path)
                return self._encoder.opening() + b"".join([literal(name, value) for name, value in fields])
            template = self._templates[path] = Template(self._head_fields(path))
        return self._encoder.encode(template)

    def _head_fields(self, path: str) -> list[tuple[bytes, bytes]]:
        return [
            (b":method", b"POST"),
            (b":scheme", self._scheme),
            (b":path", path.encode()),
            (b":authority", self._authority),
            (b"te", b"trailers"),
            (b"content-type", GRPC),
        ]

    def _streams_changed(self) -> None:
        while self._waiting_calls and len(self._streams) < self.peer_max_streams and not self.failed:
            stream = self._pending.popleft()
            if not stream.gone:
                self._waiting_calls -= 1
                self._begin(stream)

    def _send_end(self, stream: Stream) -> None:
        self._output.append(frame_head(0, DATA, END_STREAM, stream.id))
        self._close_local(stream)

    # What the peer says

    def _receive_head(self, id: int, head: Head, ended: bool) -> None:
        stream = self._streams.get(id)
        if stream is None:
            self._check_used(id, "headers")
            return
        if head.problem:
            raise StreamViolation(PROTOCOL_ERROR, f"malformed headers: {head.problem}")
        if not stream.remote_open:
            raise StreamViolation(PROTOCOL_ERROR, "headers behind the end of a stream")
        if stream.responding:
            self._receive_trailers(stream, head, ended)
        else:
            self._receive_response(stream, head, ended)

    def _receive_response(self, stream: Stream, head: Head, ended: bool) -> None:
        status = head.pseudo.get(b":status", b"")
        if len(head.pseudo) != 1 or len(status) != 3 or not status.isdigit():
            raise StreamViolation(PROTOCOL_ERROR, "a response without a status")
        if status < b"200":
            if ended:
                raise StreamViolation(PROTOCOL_ERROR, "an interim response that ends its stream")
            return
        if ended and head.field(b"grpc-status") is not None:
            self._end_with(stream, head)
        elif status != b"200":
            text = f"the answer has HTTP status {status.decode()}"
            self._conclude(stream, of_http(int(status)), text, head.fields, ended=ended)
        elif not (head.field(b"content-type") or b"").startswith(GRPC):
            self._conclude(stream, UNKNOWN, "the answer is not gRPC's", head.fields, ended=ended)
        elif ended:
            self._conclude(stream, UNKNOWN, "the stream ended without a status", head.fields, ended=True)
        else:
            stream.responding = True
            self._events.append(ResponseReceived(stream, head.fields))

    def _receive_trailers(self, stream: Stream, head: Head, ended: bool) -> None:
        if head.pseudo or not ended:
            raise StreamViolation(PROTOCOL_ERROR, "trailers with pseudo-headers, or without an end")
        if stream.assembly:
            raise StreamViolation(PROTOCOL_ERROR, "the stream ended within a message")
        self._end_with(stream, head)

    def _end_with(self, stream: Stream, head: Head) -> None:
        status = head.field(b"grpc-status")
        if status is None:
            self._conclude(stream, UNKNOWN, "the stream ended without a status", head.fields, ended=True)
        else:
            text = decoded_text(head.field(b"grpc-message") or b"")
            self._conclude(stream, number_of(status), text, head.fields, ended=True)

    def _end_remote(self, stream: Stream) -> None:
        self._conclude(stream, UNKNOWN, "the stream ended without a status", (), ended=True)

    def _receive_reset(self, id: int, code: int) -> None:
        stream = self._streams.get(id)
        if stream is None:
            return
        text = f"the peer reset the call with code {code}"
        self._remove(stream)
        self._events.append(CallEnded(stream, of_reset(code), text, (), code == REFUSED_STREAM))

    def _receive_goaway(self, last: int, code: int, text: str) -> None:
        said = f": {text}" if text else ""
        self._stop_calling(f"the peer ends the connection with code {code}{said}", orderly=code == NO_ERROR)
        untouched = [stream for stream in self._streams.values() if stream.id > last]
        for stream in untouched:
            self._remove(stream)
            self._events.append(CallEnded(stream, UNAVAILABLE, "the peer ends the connection", (), True))

    def _stop_calling(self, text: str, *, orderly: bool) -> None:
        if self.draining:
            return
        self.draining = True
        self._events.append(Draining(text, orderly))
        pending, self._pending, self._waiting_calls = self._pending, deque(), 0
        for stream in pending:
            if not stream.gone:
                stream.drop()
                self._events.append(CallEnded(stream, UNAVAILABLE, "the peer ends the connection", (), True))

    def _fail_stream(self, stream: Stream, error: StreamViolation) -> None:
        self._reset_stream(stream.id, error.code)
        self._remove(stream)
        self._events.append(CallEnded(stream, error.status, str(error)))

    def _conclude(self, stream: Stream, status: int, text: str, fields: Fields, *, ended: bool) -> None:
        """The call is over; `ended` says whether the server's side of the stream is."""
        if stream.local_open or not ended:  # the server need not wait for what is left of this side
            self._reset_stream(stream.id, NO_ERROR if ended else CANCEL)
        self._remove(stream)
        self._events.append(CallEnded(stream, status, text, fields))

    def _end_all(self, text: str) -> None:
        super()._end_all(text)
        self._stop_calling(text, orderly=False)
