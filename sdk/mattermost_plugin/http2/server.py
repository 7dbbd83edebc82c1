"""The end of a connection that is called."""

from __future__ import annotations

from typing import Final

from mattermost_plugin.http2.connection import Connection
from mattermost_plugin.http2.errors import StreamViolation, Violation
from mattermost_plugin.http2.events import CallEnded, CallReceived, MessagesEnded
from mattermost_plugin.http2.frames import (
    CANCEL,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    GOAWAY,
    HEADERS,
    LARGEST_STREAM,
    NO_ERROR,
    PING,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    RST_STREAM,
    number,
)
from mattermost_plugin.http2.header_blocks import Fields, Head, Template, list_size, literal
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.messages import decoded_timeout
from mattermost_plugin.http2.statuses import CANCELLED, INTERNAL, OK, encoded_text
from mattermost_plugin.http2.streams import Stream

GRPC: Final = b"application/grpc"
RESETS: Final = 2.0
"""Calls that a client may give up at once, for each that it may have open, and `RESETS_BESIDE` more."""
RESETS_BESIDE: Final = 1000.0
RESETS_IN_SECOND: Final = 1000.0
"""And in the long run."""
DRAIN_PING: Final = b"draining"
"""Its answer says that the client knows of the drain."""


class ServerConnection(Connection):
    """Takes calls.

    Args:
        limits: what the peer may do.

    Attributes:
        draining: the client was told to begin no more calls.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__(client=False, limits=limits)
        self.draining = False
        self._closed_after: int | None = None  # what is begun behind it is not looked at
        self._held: set[int] = set()  # given up by the client, and still worked on
        self._most_resets = RESETS * limits.max_streams + RESETS_BESIDE
        self._resets = 0.0
        self._resets_at = 0.0
        self._now = 0.0
        self._response = Template(((b":status", b"200"), (b"content-type", GRPC)))
        self._trailers = Template(((b"grpc-status", b"0"),))

    def tick(self, now: float) -> None:
        """Tell the time, in seconds of any clock that only goes on; before `receive`."""
        self._now = now

    def send_pieces(self, stream: Stream, pieces: list[bytes]) -> None:
        """Send a message that is in pieces, after those that wait; the first takes the call."""
        self.respond(stream)
        super().send_pieces(stream, pieces)

    def respond(self, stream: Stream, fields: Fields = ()) -> None:
        """Take a call: messages may follow. `finish` alone does without."""
        if not stream.local_open or stream.responding:
            return
        stream.responding = True
        self._send_block(stream.id, 0, self._encoder.encode(self._response) + _literals(fields))

    def finish(self, stream: Stream, status: int = OK, text: str = "", fields: Fields = ()) -> None:
        """End a call, after what waits."""
        if stream.local_open and not stream.ending:
            stream.ending = True
            stream.status, stream.text, stream.trailers = status, text, fields
            self._schedule(stream)

    def reset(self, stream: Stream, code: int = CANCEL) -> None:
        """End a call at once, without a status; nothing more is told of it."""
        if not stream.gone:
            self._reset_stream(stream.id, code)
            self._remove(stream)

    def release(self, stream: Stream) -> None:
        """Nothing works any more on a call that the client has given up: another may take its place."""
        self._held.discard(stream.id)

    def drain(self) -> None:
        """Take no more calls, once the client knows; those that are open go on."""
        if not self.draining:
            self.draining = True
            self._frame(GOAWAY, 0, 0, number(LARGEST_STREAM) + number(NO_ERROR))
            self._frame(PING, 0, 0, DRAIN_PING)

    def close(self) -> None:
        """Take no more calls from now on."""
        if self._closed_after is None:
            self.draining = True
            self._closed_after = self._last_stream
            self._frame(GOAWAY, 0, 0, number(self._last_stream) + number(NO_ERROR))

    # Sending

    def _send_end(self, stream: Stream) -> None:
        block = b""
        if not stream.responding:
            stream.responding = True
            block = self._encoder.encode(self._response)
        if stream.status == OK and not block:
            block = self._encoder.encode(self._trailers)
        else:
            block = (block or self._encoder.opening()) + literal(b"grpc-status", b"%d" % stream.status)
        block += self._literals_within(stream)
        self._send_block(stream.id, END_STREAM, block)
        if stream.remote_open:  # the client need not send what is left: RFC 9113 §8.1
            self._reset_stream(stream.id, NO_ERROR)
            stream.remote_open = False
        self._close_local(stream)

    def _literals_within(self, stream: Stream) -> bytes:
        """Text and metadata of trailers, as far as the client takes them."""
        fields = list(stream.trailers)
        if stream.text:
            fields.insert(0, (b"grpc-message", encoded_text(stream.text).encode()))
        while fields and list_size(fields) > self._peer_header_list:
            fields.pop()
        return _literals(fields)

    # What the peer says

    def _receive_head(self, id: int, head: Head, ended: bool) -> None:
        stream = self._streams.get(id)
        if stream is not None:
            self._receive_trailers(stream, head, ended)
        elif id % 2 == 0:
            raise Violation(PROTOCOL_ERROR, f"a client's call on stream {id}")
        elif id > self._last_stream:
            self._last_stream = id
            self._receive_call(id, head, ended)

    def _receive_call(self, id: int, head: Head, ended: bool) -> None:
        if self._closed_after is not None:
            return  # the client knows that nobody looks at it
        if len(self._streams) + len(self._held) >= self._max_streams:
            self._answer(RST_STREAM, 0, id, number(REFUSED_STREAM))
            return
        pseudo = head.pseudo
        if head.problem or b":status" in pseudo or not (pseudo.get(b":method") and pseudo.get(b":path")):
            self._count_reset()
            self._answer(RST_STREAM, 0, id, number(PROTOCOL_ERROR))
            return
        if pseudo[b":method"] != b"POST":
            self._refuse(id, b"405", ended)
        elif not (head.field(b"content-type") or b"").startswith(GRPC):
            self._refuse(id, b"415", ended)
        else:
            self._take_call(id, head, ended)

    def _take_call(self, id: int, head: Head, ended: bool) -> None:
        timeout = head.field(b"grpc-timeout")
        seconds = None if timeout is None else decoded_timeout(timeout)
        path = head.pseudo[b":path"].decode("latin-1")
        stream = self._streams[id] = self._new_stream(id, path)
        self._events.append(CallReceived(stream, path, seconds, head.fields))
        if ended:
            self._end_remote(stream)

    def _refuse(self, id: int, status: bytes, ended: bool) -> None:
        """Answer what is no gRPC call as any HTTP server would."""
        block = self._encoder.opening() + literal(b":status", status)
        self._answer(HEADERS, END_HEADERS | END_STREAM, id, block)
        if not ended:
            self._answer(RST_STREAM, 0, id, number(NO_ERROR))

    def _receive_trailers(self, stream: Stream, head: Head, ended: bool) -> None:
        if head.problem or head.pseudo or not ended or not stream.remote_open:
            raise StreamViolation(PROTOCOL_ERROR, f"malformed trailers {head.problem}".rstrip())
        if stream.assembly:
            raise StreamViolation(PROTOCOL_ERROR, "the stream ended within a message")
        self._end_remote(stream)

    def _end_remote(self, stream: Stream) -> None:
        stream.remote_open = False
        self._events.append(MessagesEnded(stream))
        if not stream.local_open:
            self._remove(stream)

    def _receive_reset(self, id: int, code: int) -> None:
        stream = self._streams.get(id)
        if stream is not None:
            self._count_reset()
            self._give_up(stream, CANCELLED, f"the client reset the call with code {code}")

    def _fail_stream(self, stream: Stream, error: StreamViolation) -> None:
        self._count_reset()
        if stream.responding or error.status == INTERNAL:
            self._answer(RST_STREAM, 0, stream.id, number(error.code))
        else:  # what the client asks for cannot be done, and it may know why
            stream.status, stream.text = error.status, str(error)
            self._send_end(stream)
        self._give_up(stream, error.status, str(error))

    def _give_up(self, stream: Stream, status: int, text: str) -> None:
        self._held.add(stream.id)
        self._remove(stream)
        self._events.append(CallEnded(stream, status, text))

    def _count_reset(self) -> None:
        """Every call that is given up was work: a client may do so with all that it may have open, and a few."""
        self._resets = max(0.0, self._resets - (self._now - self._resets_at) * RESETS_IN_SECOND) + 1
        self._resets_at = self._now
        if self._resets > self._most_resets:
            raise Violation(ENHANCE_YOUR_CALM, "too many calls were given up")

    def _receive_goaway(self, last: int, code: int, text: str) -> None:
        """A client that goes says so by that; what it has open it may still wait for."""

    def _last_taken(self) -> int:
        return self._last_stream if self._closed_after is None else self._closed_after

    def _ping_answered(self, data: bytes) -> None:
        if data == DRAIN_PING:
            self.close()
        else:
            super()._ping_answered(data)


def _literals(fields: Fields) -> bytes:
    return b"".join([literal(name, value) for name, value in fields])
