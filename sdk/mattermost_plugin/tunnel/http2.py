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

import struct
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote, unquote

from hpack import Decoder, Encoder, HPACKError

from mattermost_plugin.tunnel.errors import RemoteProtocolError

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA: Final = 0
HEADERS: Final = 1
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY: Final = 0x20

INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5

REFUSED_STREAM: Final = 7
CANCEL: Final = 8

OK: Final = 0
"""gRPC's statuses, as numbers."""
CANCELLED: Final = 1
UNKNOWN: Final = 2
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14

STREAM: Final = 1
"""The one stream."""
HEAD_SIZE: Final = 9
"""Bytes before a frame's payload."""
PREFIX_SIZE: Final = 5
"""Bytes before a message: whether it is compressed, and its length."""
FIRST_WINDOW: Final = 65_535
FIRST_FRAME_SIZE: Final = 16_384
LARGEST_WINDOW: Final = 2**31 - 1
REFILL: Final = 2**30
"""Bytes received after which the windows are made whole again."""
OUR_FRAME_SIZE: Final = 1024 * 1024
MAX_MESSAGE: Final = 4 * 1024 * 1024
"""docs/protocol.md §5."""
MAX_UNREAD: Final = 64 * 1024
"""Bytes of answers that may wait for a peer that does not read, before its next bytes; docs/protocol.md §2.1."""
MAX_LITTLE: Final = 1000
"""Frames of data in a row that bring no more than the prefix of a message: nobody needs them, and each is work."""
MAX_HEADER_BLOCK: Final = 64 * 1024
MAX_TEXT: Final = 1024
"""Characters of a status' text that are sent: with any encoding they fit into one frame."""

STATUS_OF_HTTP: Final = {
    b"404": UNIMPLEMENTED,
    b"429": UNAVAILABLE,
    b"502": UNAVAILABLE,
    b"503": UNAVAILABLE,
    b"504": UNAVAILABLE,
}

Fields = list[tuple[bytes, bytes]]

Span = tuple[bytes, int, int]
"""Bytes, and where in them something begins and ends."""


class Call:
    """One end of the call.

    Args:
        client: whether this end calls.

    Attributes:
        path: what is called; at the server empty until the request has come.
        status: how the peer ended the call, as one of gRPC's numbers; None while it goes on.
        text: what it said of that.
    """

    def __init__(self, *, client: bool) -> None:
        self.path = ""
        self.status: int | None = None
        self.text = ""
        self._client = client
        self._output: list[bytes] = []
        self._unread = b""
        self._greeted = client  # a client sends the preface, so only a server has one to read
        self._decoder = Decoder()
        self._block: bytearray | None = None
        self._block_stream = 0
        self._block_ends_stream = False
        self._response_seen = False
        self._received = 0
        self._answered = 0
        self._little = 0
        self._message = bytearray()
        self._waiting: deque[bytes] = deque()
        self._finishing: bytes | None = None
        self._finished = False
        self._frame_size = FIRST_FRAME_SIZE
        self._initial_window = FIRST_WINDOW
        self._stream_window = FIRST_WINDOW
        self._connection_window = FIRST_WINDOW
        self._handlers: dict[int, Callable[[int, int, bytes], None]] = {
            HEADERS: self._receive_headers,
            RST_STREAM: self._receive_reset,
            SETTINGS: self._receive_settings,
            PUSH_PROMISE: self._receive_push,
            PING: self._receive_ping,
            GOAWAY: self._receive_goaway,
            WINDOW_UPDATE: self._receive_window,
            CONTINUATION: self._receive_continuation,
        }

    # What this end says

    def start(self, path: str = "", authority: str = "localhost") -> None:
        """Open the connection and, at the client, call `path`."""
        settings = struct.pack(">HIHI", INITIAL_WINDOW_SIZE, LARGEST_WINDOW, MAX_FRAME_SIZE, OUR_FRAME_SIZE)
        if self._client:
            self._output.append(PREFACE)
        self._frame(SETTINGS, 0, 0, settings)
        self._frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGEST_WINDOW - FIRST_WINDOW))
        if self._client:
            self.path = path
            request = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", authority)]
            self._headers([*request, ("te", "trailers"), ("content-type", "application/grpc")])

    def send(self, *pieces: bytes) -> None:
        """Send a message, which may be in pieces, after those that wait."""
        size = 0
        for piece in pieces:
            size += len(piece)
        prefix = b"\0" + size.to_bytes(4, "big")
        if size + PREFIX_SIZE <= self._room and not self._waiting:
            self._take_room(size + PREFIX_SIZE)
            self._output.append(_head(size + PREFIX_SIZE, DATA, 0, STREAM) + prefix)
            self._output += pieces  # not joined, or 64 KiB would be copied for 14 bytes
        else:
            self._waiting.append(prefix + b"".join(pieces))
            self._pump()

    def finish(self, status: int = OK, text: str = "") -> None:
        """End the call in order, after what waits: at the server with a status, at the client with no more messages."""
        if self._finished:
            return
        self._finished = True
        if self._client:
            self._finishing = _head(0, DATA, END_STREAM, STREAM)
        else:
            text = quote(text[:MAX_TEXT], safe=" !#$&'()*+,/:;=?@[]~")
            trailers = [("grpc-status", str(status)), ("grpc-message", text)]
            if not self._response_seen:
                trailers = [(":status", "200"), ("content-type", "application/grpc"), *trailers]
            block = Encoder().encode(trailers, huffman=False)
            goaway = _head(8, GOAWAY, 0, 0) + struct.pack(">II", STREAM, 0)  # the client hangs up after the call
            self._finishing = goaway + _head(len(block), HEADERS, END_STREAM | END_HEADERS, STREAM) + block
        self._pump()

    def take_output(self) -> list[bytes]:
        """The bytes to be written now."""
        output, self._output = self._output, []
        return output

    def written(self) -> None:
        """All of the output has left: no answer waits for the peer."""
        self._answered = 0

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
        if self._answered > MAX_UNREAD:
            raise RemoteProtocolError(f"{self._answered} bytes of answers wait for a peer that does not read them")
        messages: list[Span] = []
        start = 0
        while self._unread and start < len(data):  # joined with no more than it lacks: the rest may be much
            lacking = self._lacking(self._unread)
            self._read(self._unread + data[start : start + lacking], 0, messages)
            start += lacking
        if start < len(data):
            self._read(data, start, messages)
        return messages

    def _lacking(self, frame: bytes) -> int:
        """How many bytes at least a frame that has begun has still to come."""
        if not self._greeted:
            return len(PREFACE) - len(frame)
        if len(frame) < HEAD_SIZE:
            return HEAD_SIZE - len(frame)
        return HEAD_SIZE + int.from_bytes(frame[:3], "big") - len(frame)

    def _read(self, data: bytes, position: int, messages: list[Span]) -> None:
        """Take the whole frames from `position` on, and keep what is left."""
        if not self._greeted:
            position += self._receive_preface(data)
        end = len(data)
        while self._greeted and end - position >= HEAD_SIZE:
            size = int.from_bytes(data[position : position + 3], "big")
            if size > OUR_FRAME_SIZE:
                raise RemoteProtocolError(f"a frame of {size} bytes; at most {OUR_FRAME_SIZE} are allowed")
            start = position + HEAD_SIZE
            if start + size > end:
                break
            kind, flags = data[position + 3], data[position + 4]
            stream = int.from_bytes(data[position + 5 : start], "big") & LARGEST_WINDOW
            position = start + size
            # With its place in what was read, not cut out of it: a frame of data is then copied once, as a message.
            self._receive_frame(kind, flags, stream, data, start, position, messages)
        self._unread = data[position:]

    def _receive_preface(self, data: bytes) -> int:
        if not PREFACE.startswith(data[: len(PREFACE)]):
            raise RemoteProtocolError("the connection does not begin as HTTP/2")
        self._greeted = len(data) >= len(PREFACE)
        return len(PREFACE) if self._greeted else 0

    def _receive_frame(
        self, kind: int, flags: int, stream: int, data: bytes, start: int, end: int, messages: list[Span]
    ) -> None:
        if (self._block is not None) != (kind == CONTINUATION):
            raise RemoteProtocolError("a header block was interrupted, or continued without a beginning")
        if kind == DATA:  # not by the table of handlers, whose calls the compiler cannot make directly
            self._receive_data(flags, stream, data, start, end, messages)
        else:
            handler = self._handlers.get(kind)
            if handler is not None:  # RFC 9113 §4.1: frames of unknown kinds are ignored
                handler(flags, stream, data[start:end])

    def _receive_data(self, flags: int, stream: int, data: bytes, start: int, end: int, messages: list[Span]) -> None:
        if stream != STREAM:
            self._ignore_data(stream, end - start)
            return
        self._count(end - start)
        self._little = self._little + 1 if end - start <= PREFIX_SIZE else 0
        if self._little > MAX_LITTLE:
            raise RemoteProtocolError(f"more than {MAX_LITTLE} frames in a row with next to nothing in them")
        if not (self._message or flags & PADDED) and _is_message(data, start, end):  # as nearly always
            messages.append((data, start + PREFIX_SIZE, end))
        else:
            payload = data[start:end]
            self._message += _unpadded(flags, payload) if flags & PADDED else payload
            self._cut_messages(messages)
        if flags & END_STREAM:
            self._end(UNKNOWN if self._client else OK, "the stream ended without a status" if self._client else "")

    def _cut_messages(self, messages: list[Span]) -> None:
        while len(self._message) >= PREFIX_SIZE and len(self._message) >= (end := _message_size(self._message)):
            message = bytes(self._message[PREFIX_SIZE:end])
            messages.append((message, 0, len(message)))
            del self._message[:end]

    def _ignore_data(self, stream: int, size: int) -> None:
        """Data of a stream that was refused; it counts for the connection all the same."""
        if stream == 0:
            raise RemoteProtocolError("data on stream 0")
        if size:
            self._answer(WINDOW_UPDATE, 0, 0, struct.pack(">I", size))

    def _count(self, size: int) -> None:
        # The windows are as large as they can be and seldom made whole: what bounds a peer is the tunnel's own credit.
        self._received += size
        if self._received >= REFILL:
            increment = struct.pack(">I", self._received)
            self._answer(WINDOW_UPDATE, 0, 0, increment)
            self._answer(WINDOW_UPDATE, 0, STREAM, increment)
            self._received = 0

    def _receive_headers(self, flags: int, stream: int, payload: bytes) -> None:
        payload = _unpadded(flags, payload) if flags & PADDED else payload
        if flags & PRIORITY:
            payload = payload[5:]
        self._block = bytearray()
        self._block_stream = stream
        self._block_ends_stream = bool(flags & END_STREAM)
        self._receive_continuation(flags, stream, payload)

    def _receive_continuation(self, flags: int, stream: int, payload: bytes) -> None:
        assert self._block is not None
        if stream != self._block_stream:
            raise RemoteProtocolError("a header block was interrupted by another stream's")
        self._block += payload
        if len(self._block) > MAX_HEADER_BLOCK:
            raise RemoteProtocolError(f"a header block of more than {MAX_HEADER_BLOCK} bytes")
        if flags & END_HEADERS:
            self._receive_block(stream)

    def _receive_block(self, stream: int) -> None:
        block, self._block = self._block, None
        try:
            fields: Fields = [(name, value) for name, value in self._decoder.decode(bytes(block or b""), raw=True)]
        except HPACKError as error:
            raise RemoteProtocolError(f"headers that cannot be read: {error}") from None
        if stream == STREAM:
            self._receive_response(dict(fields)) if self._client else self._receive_request(dict(fields))
        elif not self._client:
            self._answer(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM))
        else:
            raise RemoteProtocolError(f"headers on stream {stream}")

    def _receive_request(self, fields: dict[bytes, bytes]) -> None:
        if self.path:  # trailers of the client
            self._end(OK, "")
            return
        self.path = fields.get(b":path", b"").decode("latin-1")
        if fields.get(b":method") != b"POST" or not fields.get(b"content-type", b"").startswith(b"application/grpc"):
            raise RemoteProtocolError("the request is no gRPC call")
        if self._block_ends_stream:
            self._end(OK, "")

    def accept(self) -> None:
        """Answer the call's request (server): messages may go both ways."""
        self._response_seen = True
        self._headers([(":status", "200"), ("content-type", "application/grpc")])

    def _receive_response(self, fields: dict[bytes, bytes]) -> None:
        status = fields.get(b":status", b"200")
        if b"grpc-status" in fields:
            number = fields[b"grpc-status"]
            text = unquote(fields.get(b"grpc-message", b"").decode("latin-1"))
            self._end(int(number) if number.isdigit() and len(number) <= 2 else UNKNOWN, text)
        elif status != b"200":
            self._end(STATUS_OF_HTTP.get(status, UNKNOWN), f"the answer has HTTP status {status.decode('latin-1')}")
        elif self._block_ends_stream:
            self._end(UNKNOWN, "the stream ended without a status")

    def _receive_reset(self, flags: int, stream: int, payload: bytes) -> None:
        (code,) = _unpacked(">I", payload)
        if stream == STREAM:
            known = {CANCEL: CANCELLED, REFUSED_STREAM: UNAVAILABLE}
            self._end(known.get(code, INTERNAL), f"the peer reset the call with code {code}")

    def _receive_settings(self, flags: int, stream: int, payload: bytes) -> None:
        if flags & ACK:
            return
        if len(payload) % 6:
            raise RemoteProtocolError("SETTINGS of an impossible length")
        for key, value in struct.iter_unpack(">HI", payload):
            if key == INITIAL_WINDOW_SIZE:
                if max(value, self._stream_window + value - self._initial_window) > LARGEST_WINDOW:
                    raise RemoteProtocolError(f"a window of {value} bytes, or one that it takes beyond 2^31")
                self._stream_window += value - self._initial_window
                self._initial_window = value
            elif key == MAX_FRAME_SIZE:
                if not FIRST_FRAME_SIZE <= value < 2**24:
                    raise RemoteProtocolError(f"a maximum frame size of {value}")
                self._frame_size = value
        self._answer(SETTINGS, ACK, 0, b"")
        self._pump()

    def _receive_push(self, flags: int, stream: int, payload: bytes) -> None:
        raise RemoteProtocolError("a pushed stream")

    def _receive_ping(self, flags: int, stream: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise RemoteProtocolError("a PING of an impossible length")
        if not flags & ACK:
            self._answer(PING, ACK, 0, payload)

    def _receive_goaway(self, flags: int, stream: int, payload: bytes) -> None:
        last, code = _unpacked(">II", payload[:8])
        if code or (self._client and last < STREAM):  # what a client counts is streams that a server would push
            self._end(UNAVAILABLE, f"the peer ended the connection with code {code}")

    def _receive_window(self, flags: int, stream: int, payload: bytes) -> None:
        (increment,) = _unpacked(">I", payload)
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

    def _answer(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """A frame that the peer's own made necessary."""
        self._answered += HEAD_SIZE + len(payload)
        self._frame(kind, flags, stream, payload)

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self._output.append(_head(len(payload), kind, flags, stream) + payload)


def _head(size: int, kind: int, flags: int, stream: int) -> bytes:
    return struct.pack(">BHBBI", size >> 16, size & 0xFFFF, kind, flags, stream)


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise RemoteProtocolError("padding longer than its frame")
    return payload[1 : len(payload) - payload[0]]


def _unpacked(form: str, payload: bytes) -> tuple[int, ...]:
    try:
        numbers: tuple[int, ...] = struct.unpack(form, payload)
    except struct.error:
        raise RemoteProtocolError("a frame of an impossible length") from None
    return tuple(number & LARGEST_WINDOW for number in numbers)


def _is_message(data: bytes, start: int, end: int) -> bool:
    """Whether there is one whole message, and nothing else, between the two."""
    return end - start >= PREFIX_SIZE and end - start == _message_size(data, start)


def _message_size(data: bytes | bytearray, start: int = 0) -> int:
    """With its prefix, of the message that begins at `start`."""
    if data[start]:
        raise RemoteProtocolError("a compressed message, and no compression was agreed on")
    size = int.from_bytes(data[start + 1 : start + PREFIX_SIZE], "big")
    if size > MAX_MESSAGE:
        raise RemoteProtocolError(f"a message of {size} bytes; at most {MAX_MESSAGE} are allowed")
    return PREFIX_SIZE + size
