"""One end of an HTTP/2 connection with many gRPC calls on it; no I/O, and it never waits.

What holds for both roles; `client` and `server` have the rest. Rules:

- What a peer may send of a stream is a window of its own, which is returned when its messages were *consumed*: a reader
  that does not read holds its own peer back and nobody else. A message may be larger than the window; what has come of
  it is returned while no other message waits for the reader, so that a stream holds one message and one window at most.
- The window of the connection is as large as HTTP/2 allows and is refilled in time: what all hold is bounded by the
  streams' windows, and a window that all share would let one stalled reader stop the rest.
- What is sent waits in its stream until `take_output`: all messages of a stream that are there by then share frames of
  data. Streams with data take turns, a frame each.
- What a peer makes this end answer is counted until it was `written`: one that asks and does not read is not heard
  further. Everything else that costs work has a bound as well, and what is read at once is worked on in portions.
- An error of a stream ends the stream, one of the connection the connection.
"""

from __future__ import annotations

from typing import Final

from mattermost_plugin.http2.endpoint import check_size
from mattermost_plugin.http2.errors import StreamViolation, Violation
from mattermost_plugin.http2.events import CallEnded, ConnectionFailed, Event, PingAnswered, Settled
from mattermost_plugin.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    ENABLE_PUSH,
    END_STREAM,
    FIRST_FRAME_SIZE,
    FIRST_WINDOW,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    FRAME_SIZE_LIMIT,
    GOAWAY,
    GOAWAY_SIZE,
    HEADER_TABLE_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    NUMBER_SIZE,
    PING,
    PING_SIZE,
    PREFACE,
    PRIORITY_FRAME,
    PRIORITY_SIZE,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RST_STREAM,
    SETTING_SIZE,
    SETTINGS,
    WINDOW_UPDATE,
    number,
    number_in,
    settings_in,
    settings_payload,
)
from mattermost_plugin.http2.header_blocks import MAX_HEADER_LIST, BlockDecoder, BlockEncoder, Head
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.statuses import UNAVAILABLE
from mattermost_plugin.http2.streams import Stream
from mattermost_plugin.http2.transfer import OUR_FRAME_SIZE, Transfer

WORK: Final = 4096
"""What is done with one read before others have their turn: frames, and blocks of headers as so many."""
BLOCK_WORK: Final = 16
UNLIMITED: Final = 2**31
MAX_DEBUG: Final = 100
"""Bytes of what a GOAWAY says beside its code that are sent, or told."""


class Connection(Transfer):
    """What both roles have in common; to be derived from.

    Args:
        client: which role.
        limits: what the peer may do.

    Attributes:
        settled: the peer's settings have come.
        peer_max_streams: how many calls it takes at a time.
    """

    def __init__(self, *, client: bool, limits: Limits) -> None:
        super().__init__(client=client, limits=limits)
        self.settled = False
        self.peer_max_streams = UNLIMITED
        self._max_streams = limits.max_streams
        self._peer_header_list = UNLIMITED
        self._decoder = BlockDecoder()
        self._encoder = BlockEncoder()
        self._stopped = False

    # For its user

    def start(self) -> None:
        """Say this end's settings; comes first."""
        settings = [
            (HEADER_TABLE_SIZE, 0),
            (INITIAL_WINDOW_SIZE, self._first_window),
            (MAX_FRAME_SIZE, OUR_FRAME_SIZE),
            (MAX_HEADER_LIST_SIZE, MAX_HEADER_LIST),
        ]
        if self._client:
            self._output.append(PREFACE)
            settings.append((ENABLE_PUSH, 0))
        else:
            settings.append((MAX_CONCURRENT_STREAMS, self._max_streams))
        self._frame(SETTINGS, 0, 0, settings_payload(settings))
        self._frame(WINDOW_UPDATE, 0, 0, number(LARGEST_WINDOW - FIRST_WINDOW))

    def receive(self, data: bytes) -> list[Event]:
        """Bytes have arrived, or `has_more` has been true and others have had their turn: then there are none."""
        if self.failed:
            return []
        self._work = WORK
        try:
            if self._stopped:
                self._go_on(data)
            else:
                self._feed(data)
        except Violation as error:
            self._fail(error.code, str(error))
        self._stopped = self._work <= 0 and bool(self._unread) and not self.failed
        events, self._events = self._events, []
        return events

    @property
    def has_more(self) -> bool:
        """`receive` has kept some of what it was given, and is to be called again; the socket is not read meanwhile."""
        return self._stopped

    def lost(self, text: str) -> list[Event]:
        """The connection is no more: every call has failed."""
        if not self.failed:
            self.failed = True
            self._end_all(text)
        events, self._events = self._events, []
        return events

    def ping(self, data: bytes) -> None:
        """Ask for a sign of life: `PingAnswered` has the same eight bytes."""
        self._frame(PING, 0, 0, data)

    @property
    def open_streams(self) -> int:
        """How many calls are open."""
        return len(self._streams)

    # Frames that arrive

    def take_frame(self, kind: int, flags: int, stream: int, data: bytes, start: int, end: int) -> None:
        self._work -= 1
        if not self.settled and (kind != SETTINGS or flags & ACK):
            raise Violation(PROTOCOL_ERROR, "the connection does not begin with SETTINGS")
        try:
            if kind == DATA:
                self._receive_data(flags, stream, data, start, end)
            else:
                self._receive_other(kind, flags, stream, data[start:end])
        except StreamViolation as error:
            found = self._streams.get(stream)
            if found is not None:
                self._fail_stream(found, error)

    def _receive_other(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == HEADERS:
            self._begin_block(stream, flags, payload)
        elif kind == WINDOW_UPDATE:
            self._receive_window(stream, payload)
        elif kind == RST_STREAM:
            check_size(payload, NUMBER_SIZE)
            self._check_used(stream, "a reset")
            self._receive_reset(stream, number_in(payload))
        elif kind == CONTINUATION:
            self._continue_block(stream, flags, payload)
        elif kind == PRIORITY_FRAME:
            self._check_priority(stream, payload)
        elif kind == PUSH_PROMISE:
            raise Violation(PROTOCOL_ERROR, "a pushed stream")
        elif kind in (SETTINGS, PING, GOAWAY):  # what is of no known kind is ignored: RFC 9113 §4.1
            if stream != 0:
                raise Violation(PROTOCOL_ERROR, f"a frame of the connection on stream {stream}")
            self._receive_control(kind, flags, payload)

    def _receive_control(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == SETTINGS:
            self._receive_settings(flags, payload)
        elif kind == PING:
            self._receive_ping(flags, payload)
        elif len(payload) < GOAWAY_SIZE:
            raise Violation(FRAME_SIZE_ERROR, "a frame of an impossible length")
        else:
            text = payload[GOAWAY_SIZE : GOAWAY_SIZE + MAX_DEBUG].decode("latin-1")
            self._receive_goaway(number_in(payload), number_in(payload, 4), text)

    def take_block(self, stream: int, flags: int, block: bytes) -> None:
        self._work -= BLOCK_WORK
        if stream == 0:
            raise Violation(PROTOCOL_ERROR, "headers on stream 0")
        self._receive_head(stream, self._decoder.decode(block), bool(flags & END_STREAM))

    def _receive_head(self, id: int, head: Head, ended: bool) -> None:
        """Headers have come."""
        raise NotImplementedError

    def _receive_reset(self, id: int, code: int) -> None:
        """The peer has reset a stream."""
        raise NotImplementedError

    def _receive_goaway(self, last: int, code: int, text: str) -> None:
        """The peer takes no more streams than those up to `last`."""
        raise NotImplementedError

    def _fail_stream(self, stream: Stream, error: StreamViolation) -> None:
        """The peer broke the protocol on a stream."""
        raise NotImplementedError

    def _last_taken(self) -> int:
        """The last stream of the peer's that was, or may have been, worked on."""
        return 0

    def _check_priority(self, stream: int, payload: bytes) -> None:
        if stream == 0:
            raise Violation(PROTOCOL_ERROR, "a priority of stream 0")
        check_size(payload, PRIORITY_SIZE)

    # Windows, settings, pings

    def _receive_window(self, id: int, payload: bytes) -> None:
        check_size(payload, NUMBER_SIZE)
        increment = number_in(payload)
        if id == 0:
            self._send_window += increment
            if increment == 0 or self._send_window > LARGEST_WINDOW:
                code = FLOW_CONTROL_ERROR if increment else PROTOCOL_ERROR
                raise Violation(code, f"a window update of {increment}, to nothing or beyond 2^31")
            return
        stream = self._streams.get(id)
        if stream is None:
            self._check_used(id, "a window update")
            return
        if increment == 0:
            raise StreamViolation(PROTOCOL_ERROR, "a window update of 0")
        self._widen(stream, increment)

    def _receive_settings(self, flags: int, payload: bytes) -> None:
        if flags & ACK:
            if payload:
                raise Violation(FRAME_SIZE_ERROR, "an acknowledgement with something in it")
            self._decoder.forbid_table()
            return
        if len(payload) % SETTING_SIZE:
            raise Violation(FRAME_SIZE_ERROR, "SETTINGS of an impossible length")
        values = dict(settings_in(payload))
        for key, value in values.items():  # the last of each counts, so that each is acted on once
            self._apply(key, value)
        self._answer(SETTINGS, ACK, 0, b"")
        if not self.settled:
            self.settled = True
            self._events.append(Settled())

    def _apply(self, key: int, value: int) -> None:
        if key == INITIAL_WINDOW_SIZE:
            self._change_windows(value)
        elif key == MAX_FRAME_SIZE:
            if not FIRST_FRAME_SIZE <= value < FRAME_SIZE_LIMIT:
                raise Violation(PROTOCOL_ERROR, f"a maximum frame size of {value}")
            self._frame_size = min(value, OUR_FRAME_SIZE)  # larger ones would make other streams wait
        elif key == HEADER_TABLE_SIZE:
            self._encoder.resize(value)
        elif key == MAX_CONCURRENT_STREAMS:
            self.peer_max_streams = value
            self._streams_changed()
        elif key == MAX_HEADER_LIST_SIZE:
            self._peer_header_list = value
        elif key == ENABLE_PUSH and value > (0 if self._client else 1):
            raise Violation(PROTOCOL_ERROR, f"push is set to {value}")

    def _change_windows(self, value: int) -> None:
        if value > LARGEST_WINDOW:
            raise Violation(FLOW_CONTROL_ERROR, f"a window of {value} bytes")
        change = value - self._initial_window
        self._initial_window = value
        if change == 0:
            return
        self._work -= len(self._streams)
        for stream in self._streams.values():
            stream.send_window += change
            if stream.send_window > LARGEST_WINDOW:
                raise Violation(FLOW_CONTROL_ERROR, f"a window of {value} bytes, which takes another beyond 2^31")
            self._schedule(stream)

    def _receive_ping(self, flags: int, payload: bytes) -> None:
        check_size(payload, PING_SIZE)
        if flags & ACK:
            self._ping_answered(payload)
        else:
            self._answer(PING, ACK, 0, payload)

    def _ping_answered(self, data: bytes) -> None:
        self._events.append(PingAnswered(data))

    # The end

    def _fail(self, code: int, text: str) -> None:
        self.failed = True
        self._ready.clear()
        self._frame(GOAWAY, 0, 0, number(self._last_taken()) + number(code) + text.encode()[:MAX_DEBUG])
        self._end_all(f"the peer broke HTTP/2: {text}")
        self._events.append(ConnectionFailed(code, text))

    def _end_all(self, text: str) -> None:
        for stream in list(self._streams.values()):
            self._remove(stream)
            self._events.append(CallEnded(stream, UNAVAILABLE, text))
