"""One gRPC call of messages both ways, alone on an HTTP/2 connection; no I/O.

Why it is here: a call through gRPC's library crosses three threads in each direction, which costs more than all else a
request needs. This is the same call, byte for byte what gRPC's own peers speak (RFC 9113 and gRPC's protocol over it),
for an event loop that owns the socket. It knows as much of HTTP/2 as one call needs:

- Stream 1 is the call. A second stream is refused (REFUSED_STREAM), a push is a violation.
- What arrives needs no credit: both windows are as large as HTTP/2 allows and are refilled in time. What is held in
  memory is bounded by the tunnel's own credit, which knows what was consumed; a window here would only bound it twice.
- What is sent keeps to the peer's windows and frame size. `blocked` says that some of it waits.
- What a peer makes this end answer (to SETTINGS, PING, a refused stream) is counted until the stream says that it was
  written: a peer that asks and does not read is not heard further.
- Messages are not compressed. A header block is at most `MAX_HEADER_BLOCK` bytes, a message `MAX_MESSAGE`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from hpack import Decoder, Encoder, HPACKError

from mattermost_plugin.http2 import statuses
from mattermost_plugin.http2.endpoint import REFILL, Endpoint, check_size, unpadded
from mattermost_plugin.http2.errors import Violation
from mattermost_plugin.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FIRST_FRAME_SIZE,
    FIRST_WINDOW,
    FRAME_SIZE_LIMIT,
    GOAWAY,
    GOAWAY_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW,
    MAX_FRAME_SIZE,
    NO_ERROR,
    NUMBER_SIZE,
    PADDED,
    PING,
    PING_SIZE,
    PREFACE,
    PUSH_PROMISE,
    REFUSED_STREAM,
    RST_STREAM,
    SETTING_SIZE,
    SETTINGS,
    WINDOW_UPDATE,
    frame_head,
    number,
    number_in,
    settings_in,
    settings_payload,
)
from mattermost_plugin.http2.messages import MAX_LITTLE, PREFIX_SIZE, prefix, size_in
from mattermost_plugin.http2.statuses import OK, UNAVAILABLE, UNKNOWN
from mattermost_plugin.tunnel.errors import RemoteProtocolError

STREAM: Final = 1
"""The one stream."""
OUR_FRAME_SIZE: Final = 1024 * 1024
MAX_MESSAGE: Final = 4 * 1024 * 1024
"""docs/protocol.md §5."""


Span = tuple[bytes, int, int]
"""Bytes, and where in them something begins and ends."""


class Call(Endpoint):
    """One end of the call.

    Args:
        client: whether this end calls.

    Attributes:
        path: what is called; at the server empty until the request has come.
        status: how the peer ended the call, as one of gRPC's numbers; None while it goes on.
        text: what it said of that.
    """

    def __init__(self, *, client: bool) -> None:
        super().__init__(client=client, frame_size=OUR_FRAME_SIZE)
        self.path = ""
        self.status: int | None = None
        self.text = ""
        self._decoder = Decoder()
        self._response_seen = False
        self._received = 0
        self._little = 0
        self._messages: list[Span] = []
        self._message = bytearray()
        self._waiting: deque[bytes] = deque()
        self._finishing: bytes | None = None
        self._finished = False
        self._frame_size = FIRST_FRAME_SIZE
        self._initial_window = FIRST_WINDOW
        self._stream_window = FIRST_WINDOW
        self._connection_window = FIRST_WINDOW

    # What this end says

    def start(self, path: str = "", authority: str = "localhost", scheme: str = "http") -> None:
        """Open the connection and, at the client, call `path`."""
        settings = settings_payload([(INITIAL_WINDOW_SIZE, LARGEST_WINDOW), (MAX_FRAME_SIZE, OUR_FRAME_SIZE)])
        if self._client:
            self._output.append(PREFACE)
        self._frame(SETTINGS, 0, 0, settings)
        self._frame(WINDOW_UPDATE, 0, 0, number(LARGEST_WINDOW - FIRST_WINDOW))
        if self._client:
            self.path = path
            request = [(":method", "POST"), (":scheme", scheme), (":path", path), (":authority", authority)]
            self._headers([*request, ("te", "trailers"), ("content-type", "application/grpc")])

    def send(self, *pieces: bytes) -> None:
        """Send a message, which may be in pieces, after those that wait."""
        size = 0
        for piece in pieces:
            size += len(piece)
        before = prefix(size)
        if size + PREFIX_SIZE <= self._room and not self._waiting:
            self._take_room(size + PREFIX_SIZE)
            self._output.append(frame_head(size + PREFIX_SIZE, DATA, 0, STREAM) + before)
            self._output += pieces  # not joined, or 64 KiB would be copied for 14 bytes
        else:
            self._waiting.append(before + b"".join(pieces))
            self._pump()

    def finish(self, status: int = OK, text: str = "") -> None:
        """End the call in order, after what waits: at the server with a status, at the client with no more messages."""
        if self._finished:
            return
        self._finished = True
        if self._client:
            self._finishing = frame_head(0, DATA, END_STREAM, STREAM)
        else:
            trailers = [("grpc-status", str(status)), ("grpc-message", statuses.encoded_text(text))]
            if not self._response_seen:
                trailers = [(":status", "200"), ("content-type", "application/grpc"), *trailers]
            block = Encoder().encode(trailers, huffman=False)
            # The client hangs up after the call.
            goaway = frame_head(GOAWAY_SIZE, GOAWAY, 0, 0) + number(STREAM) + number(NO_ERROR)
            self._finishing = goaway + frame_head(len(block), HEADERS, END_STREAM | END_HEADERS, STREAM) + block
        self._pump()

    def take_output(self) -> list[bytes]:
        """The bytes to be written now."""
        output, self._output = self._output, []
        return output

    @property
    def blocked(self) -> bool:
        """Something waits for the peer's windows."""
        return bool(self._waiting)

    # What the peer says

    def receive(self, data: bytes) -> list[bytes]:
        """As `receive_spans`; returns the messages themselves."""
        return [data[start:end] for data, start, end in self.receive_spans(data)]

    def receive_spans(self, data: bytes) -> list[Span]:
        """Bytes have arrived; returns where the messages are that are complete with them.

        Raises:
            RemoteProtocolError: they are not what a peer may send, or it does not read what it was answered.
        """
        self._messages = []
        try:
            self._feed(data)
        except Violation as error:
            raise RemoteProtocolError(str(error)) from None
        return self._messages

    def take_frame(self, kind: int, flags: int, stream: int, data: bytes, start: int, end: int) -> None:
        if kind == DATA:
            self._receive_data(flags, stream, data, start, end)
        else:
            self._receive_other(kind, flags, stream, data[start:end])

    def _receive_other(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == WINDOW_UPDATE:
            self._receive_window(stream, payload)
        elif kind == PING:
            self._receive_ping(flags, payload)
        elif kind == HEADERS:
            self._begin_block(stream, flags, payload)
        elif kind == CONTINUATION:
            self._continue_block(stream, flags, payload)
        elif kind == RST_STREAM:
            self._receive_reset(stream, payload)
        elif kind == SETTINGS:
            self._receive_settings(flags, payload)
        elif kind == GOAWAY:
            self._receive_goaway(payload)
        elif kind == PUSH_PROMISE:  # what is of no known kind is ignored: RFC 9113 §4.1
            raise RemoteProtocolError("a pushed stream")

    def _receive_data(self, flags: int, stream: int, data: bytes, start: int, end: int) -> None:
        if stream != STREAM:
            self._ignore_data(stream, end - start)
            return
        self._count(end - start)
        self._little = self._little + 1 if end - start <= PREFIX_SIZE else 0
        if self._little > MAX_LITTLE:
            raise RemoteProtocolError(f"more than {MAX_LITTLE} frames in a row with next to nothing in them")
        if not (self._message or flags & PADDED) and _is_message(data, start, end):  # as nearly always
            self._messages.append((data, start + PREFIX_SIZE, end))
        else:
            payload = data[start:end]
            self._message += unpadded(payload) if flags & PADDED else payload
            self._cut_messages()
        if flags & END_STREAM:
            self._end(UNKNOWN if self._client else OK, "the stream ended without a status" if self._client else "")

    def _cut_messages(self) -> None:
        while len(self._message) >= PREFIX_SIZE:
            end = _message_size(bytes(self._message[:PREFIX_SIZE]))
            if len(self._message) < end:
                return
            message = bytes(self._message[PREFIX_SIZE:end])
            self._messages.append((message, 0, len(message)))
            del self._message[:end]

    def _ignore_data(self, stream: int, size: int) -> None:
        """Data of a stream that was refused; it counts for the connection all the same."""
        if stream == 0:
            raise RemoteProtocolError("data on stream 0")
        if size:
            self._answer(WINDOW_UPDATE, 0, 0, number(size))

    def _count(self, size: int) -> None:
        # The windows are as large as they can be and seldom made whole: what bounds a peer is the tunnel's own credit.
        self._received += size
        if self._received >= REFILL:
            increment = number(self._received)
            self._answer(WINDOW_UPDATE, 0, 0, increment)
            self._answer(WINDOW_UPDATE, 0, STREAM, increment)
            self._received = 0

    def take_block(self, stream: int, flags: int, block: bytes) -> None:
        try:
            fields = {bytes(name): bytes(value) for name, value in self._decoder.decode(block, raw=True)}
        except HPACKError as error:
            raise RemoteProtocolError(f"headers that cannot be read: {error}") from None
        if stream == STREAM:
            ended = bool(flags & END_STREAM)
            self._receive_response(fields, ended) if self._client else self._receive_request(fields, ended)
        elif not self._client:
            self._answer(RST_STREAM, 0, stream, number(REFUSED_STREAM))
        else:
            raise RemoteProtocolError(f"headers on stream {stream}")

    def _receive_request(self, fields: dict[bytes, bytes], ended: bool) -> None:
        if self.path:  # trailers of the client
            self._end(OK, "")
            return
        self.path = fields.get(b":path", b"").decode("latin-1")
        if fields.get(b":method") != b"POST" or not fields.get(b"content-type", b"").startswith(b"application/grpc"):
            raise RemoteProtocolError("the request is no gRPC call")
        if ended:
            self._end(OK, "")

    def accept(self) -> None:
        """Answer the call's request (server): messages may go both ways."""
        self._response_seen = True
        self._headers([(":status", "200"), ("content-type", "application/grpc")])

    def _receive_response(self, fields: dict[bytes, bytes], ended: bool) -> None:
        status = fields.get(b":status", b"200")
        if b"grpc-status" in fields:
            text = statuses.decoded_text(fields.get(b"grpc-message", b""))
            self._end(statuses.number_of(fields[b"grpc-status"]), text)
        elif status != b"200":
            known = statuses.of_http(int(status) if status.isdigit() else 0)
            self._end(known, f"the answer has HTTP status {status.decode('latin-1')}")
        elif ended:
            self._end(UNKNOWN, "the stream ended without a status")

    def _receive_reset(self, stream: int, payload: bytes) -> None:
        check_size(payload, NUMBER_SIZE)
        if stream == STREAM:
            code = number_in(payload)
            self._end(statuses.of_reset(code), f"the peer reset the call with code {code}")

    def _receive_settings(self, flags: int, payload: bytes) -> None:
        if flags & ACK:
            return
        if len(payload) % SETTING_SIZE:
            raise RemoteProtocolError("SETTINGS of an impossible length")
        for key, value in settings_in(payload):
            if key == INITIAL_WINDOW_SIZE:
                if max(value, self._stream_window + value - self._initial_window) > LARGEST_WINDOW:
                    raise RemoteProtocolError(f"a window of {value} bytes, or one that it takes beyond 2^31")
                self._stream_window += value - self._initial_window
                self._initial_window = value
            elif key == MAX_FRAME_SIZE:
                if not FIRST_FRAME_SIZE <= value < FRAME_SIZE_LIMIT:
                    raise RemoteProtocolError(f"a maximum frame size of {value}")
                self._frame_size = value
        self._answer(SETTINGS, ACK, 0, b"")
        self._pump()

    def _receive_ping(self, flags: int, payload: bytes) -> None:
        check_size(payload, PING_SIZE, "a PING")
        if not flags & ACK:
            self._answer(PING, ACK, 0, payload)

    def _receive_goaway(self, payload: bytes) -> None:
        check_size(payload[:GOAWAY_SIZE], GOAWAY_SIZE)
        last, code = number_in(payload), number_in(payload, NUMBER_SIZE)
        if code or (self._client and last < STREAM):  # what a client counts is streams that a server would push
            self._end(UNAVAILABLE, f"the peer ended the connection with code {code}")

    def _receive_window(self, stream: int, payload: bytes) -> None:
        check_size(payload, NUMBER_SIZE)
        increment = number_in(payload)
        if stream == 0:
            self._connection_window += increment
        elif stream == STREAM:
            self._stream_window += increment
        if increment == 0 or max(self._connection_window, self._stream_window) > LARGEST_WINDOW:
            raise RemoteProtocolError(f"a window update of {increment}, to nothing or beyond 2^31")
        self._pump()

    def _end(self, status: int, text: str) -> None:
        if self.status is None:
            self.status, self.text = status, text

    # Frames

    @property
    def _room(self) -> int:
        """Bytes that one frame of data may have now."""
        return min(self._frame_size, self._stream_window, self._connection_window)

    def _take_room(self, size: int) -> None:
        self._stream_window -= size
        self._connection_window -= size

    def _pump(self) -> None:
        """Send as much of what waits as the windows let through."""
        while self._waiting and self._room > 0:
            data = self._waiting.popleft()
            room = self._room
            if len(data) > room:
                self._waiting.appendleft(data[room:])
                data = data[:room]
            self._take_room(len(data))
            self._frame(DATA, 0, STREAM, data)
        if not self._waiting and self._finishing is not None:
            self._output.append(self._finishing)
            self._finishing = None

    def _headers(self, fields: Iterable[tuple[str, str]]) -> None:
        # An encoder of its own for each block would forget its table; none of these fields is worth remembering.
        block = Encoder().encode([(name, value, True) for name, value in fields], huffman=False)
        self._frame(HEADERS, END_HEADERS, STREAM, block)


def _is_message(data: bytes, start: int, end: int) -> bool:
    """Whether there is one whole message, and nothing else, between the two."""
    return end - start >= PREFIX_SIZE and end - start == _message_size(data, start)


def _message_size(data: bytes, start: int = 0) -> int:
    """With its prefix, of the message that begins at `start`."""
    size = size_in(data, start)
    if size < 0:
        raise RemoteProtocolError("a compressed message, and no compression was agreed on")
    if size > MAX_MESSAGE:
        raise RemoteProtocolError(f"a message of {size} bytes; at most {MAX_MESSAGE} are allowed")
    return PREFIX_SIZE + size
