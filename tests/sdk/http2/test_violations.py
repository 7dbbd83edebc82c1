"""What a peer may not send: an error of a stream is the stream's, one of the connection the connection's."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from mattermost_plugin.http2.endpoint import MAX_CONTINUATIONS, MAX_HEADER_BLOCK
from mattermost_plugin.http2.events import ConnectionFailed
from mattermost_plugin.http2.frames import (
    ACK,
    CANCEL,
    COMPRESSION_ERROR,
    CONTINUATION,
    ENABLE_PUSH,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FIRST_FRAME_SIZE,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    LARGEST_WINDOW,
    NO_ERROR,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PRIORITY_FRAME,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
)
from mattermost_plugin.http2.limits import FIRST_WINDOW, Limits
from mattermost_plugin.http2.messages import MAX_LITTLE
from mattermost_plugin.http2.statuses import INTERNAL, RESOURCE_EXHAUSTED, UNIMPLEMENTED
from mattermost_plugin.http2.transfer import OUR_FRAME_SIZE
from support.http2 import (
    GREETING,
    PATH,
    REQUEST,
    RESPONSE,
    block,
    data,
    frame,
    frames,
    headers,
    prefixed,
    settings,
    window_update,
)
from support.http2_ends import End, Seen, our_client, our_server

Make = Callable[[], End]
SMALL_MESSAGES = Limits(max_message=1000)
SOME = b"\0\0\0\0\5hello"


def called_server(limits: Limits = SMALL_MESSAGES) -> End:
    """A server that was called on stream 1, and has begun to answer."""
    end, server = our_server(limits)
    end.on_call = server.respond
    end.feed([GREETING + headers(REQUEST)])
    end.output()
    return end


def answered_client(limits: Limits = SMALL_MESSAGES) -> End:
    """A client whose call on stream 1 is being answered."""
    end, client = our_client(limits)
    end.seen[client.call(PATH)] = Seen()
    end.feed([frame(SETTINGS), headers(RESPONSE)])
    end.output()
    return end


def failure(end: End) -> ConnectionFailed:
    """How a connection ended, which it did."""
    [failed] = [event for event in end.others if isinstance(event, ConnectionFailed)]
    return failed


@pytest.mark.parametrize("make", [called_server, answered_client])
@pytest.mark.parametrize(
    ("received", "code", "text"),
    [
        (data(b"", stream=0), PROTOCOL_ERROR, "data for stream 0"),
        (data(b"", stream=7), PROTOCOL_ERROR, "data for stream 7, which does not exist"),
        (data(b"") * (MAX_LITTLE + 1), ENHANCE_YOUR_CALM, "next to nothing"),
        (data(b"", PADDED), PROTOCOL_ERROR, "padding longer"),
        (data(b"\5abcd", PADDED), PROTOCOL_ERROR, "padding longer"),
        (frame(HEADERS, b"\1", PADDED | END_HEADERS, 1), PROTOCOL_ERROR, "padding longer"),
        (frame(HEADERS, b"1234", PRIORITY | END_HEADERS, 1), FRAME_SIZE_ERROR, "a priority"),
        (frame(HEADERS, b"", END_HEADERS, 0), PROTOCOL_ERROR, "headers on stream 0"),
        ((OUR_FRAME_SIZE + 1).to_bytes(3, "big") + bytes(6), FRAME_SIZE_ERROR, "a frame of 131073 bytes"),
        (frame(HEADERS, b"\xff\xff\xff\xff", END_HEADERS, 1), COMPRESSION_ERROR, "headers that cannot be read"),
        (frame(HEADERS, bytes(MAX_HEADER_BLOCK + 1), END_HEADERS, 1), ENHANCE_YOUR_CALM, "a header block of more"),
        (
            frame(HEADERS, b"", 0, 1) + frame(CONTINUATION, bytes(MAX_HEADER_BLOCK + 1), 0, 1),
            ENHANCE_YOUR_CALM,
            "a header block of more",
        ),
        (
            frame(HEADERS, b"", 0, 1) + frame(CONTINUATION, b"", 0, 1) * (MAX_CONTINUATIONS + 1),
            ENHANCE_YOUR_CALM,
            "a header block in more than 64 pieces",
        ),
        (frame(HEADERS, b"", 0, 1) + frame(PING, bytes(8)), PROTOCOL_ERROR, "a header block was interrupted"),
        (frame(HEADERS, b"", 0, 1) + data(b""), PROTOCOL_ERROR, "a header block was interrupted"),
        (
            frame(HEADERS, b"", 0, 3) + frame(CONTINUATION, b"", END_HEADERS, 5),
            PROTOCOL_ERROR,
            "interrupted by another",
        ),
        (frame(CONTINUATION, b"", END_HEADERS, 1), PROTOCOL_ERROR, "continued without a beginning"),
        (frame(PUSH_PROMISE, bytes(4), END_HEADERS, 1), PROTOCOL_ERROR, "a pushed stream"),
        (frame(PRIORITY_FRAME, bytes(5), 0, 0), PROTOCOL_ERROR, "a priority of stream 0"),
        (frame(PRIORITY_FRAME, bytes(4), 0, 1), FRAME_SIZE_ERROR, "impossible length"),
        (frame(PING, b"1234567"), FRAME_SIZE_ERROR, "impossible length"),
        (frame(PING, bytes(8), stream=1), PROTOCOL_ERROR, "of the connection on stream 1"),
        (frame(SETTINGS, b"", stream=1), PROTOCOL_ERROR, "of the connection on stream 1"),
        (frame(GOAWAY, bytes(8), stream=1), PROTOCOL_ERROR, "of the connection on stream 1"),
        (frame(SETTINGS, b"12345"), FRAME_SIZE_ERROR, "SETTINGS of an impossible length"),
        (frame(SETTINGS, b"123456", ACK), FRAME_SIZE_ERROR, "an acknowledgement with something in it"),
        (frame(SETTINGS, struct.pack(">HI", ENABLE_PUSH, 2)), PROTOCOL_ERROR, "push is set to 2"),
        (settings(frame_size=FIRST_FRAME_SIZE - 1), PROTOCOL_ERROR, "a maximum frame size of 16383"),
        (settings(frame_size=2**24), PROTOCOL_ERROR, "a maximum frame size of 16777216"),
        (settings(window=2**31), FLOW_CONTROL_ERROR, "a window of 2147483648"),
        (window_update(1000, 1) + settings(window=LARGEST_WINDOW), FLOW_CONTROL_ERROR, "which takes another beyond"),
        (window_update(0, 0), PROTOCOL_ERROR, "a window update of 0"),
        (window_update(LARGEST_WINDOW, 0), FLOW_CONTROL_ERROR, "beyond 2"),
        (window_update(1, 5), PROTOCOL_ERROR, "a window update for stream 5, which does not exist"),
        (frame(WINDOW_UPDATE, b"123", stream=1), FRAME_SIZE_ERROR, "impossible length"),
        (frame(RST_STREAM, b"", stream=1), FRAME_SIZE_ERROR, "impossible length"),
        (frame(RST_STREAM, bytes(4), stream=0), PROTOCOL_ERROR, "a reset for stream 0"),
        (frame(RST_STREAM, bytes(4), stream=9), PROTOCOL_ERROR, "a reset for stream 9, which does not exist"),
        (frame(RST_STREAM, bytes(4), stream=2), PROTOCOL_ERROR, "a reset for stream 2, which does not exist"),
        (frame(GOAWAY, b"1234"), FRAME_SIZE_ERROR, "impossible length"),
    ],
)
def test_an_error_of_the_connection_ends_it_and_says_what_it_was(
    make: Make, received: bytes, code: int, text: str
) -> None:
    end = make()
    [stream] = end.seen
    end.feed([received])
    assert failure(end).code == code
    assert text in failure(end).text
    assert end.of(stream).status is not None
    goaway = frames(end.output())[-1]
    assert goaway.kind == GOAWAY
    assert int.from_bytes(goaway.payload[4:8], "big") == code
    end.feed([frame(PING, bytes(8))])
    assert end.output() == b"", "nothing more is heard"


@pytest.mark.parametrize("make", [called_server, answered_client])
@pytest.mark.parametrize(
    ("received", "code", "status", "text"),
    [
        (data(b"\1\0\0\0\0"), CANCEL, UNIMPLEMENTED, "compressed"),
        (data(b"\0" + (1001).to_bytes(4, "big")), CANCEL, RESOURCE_EXHAUSTED, "a message of 1001 bytes; at most 1000"),
        (data(SOME + b"\0" + (1001).to_bytes(4, "big")), CANCEL, RESOURCE_EXHAUSTED, "a message of 1001 bytes"),
        (data(b"\0\0\0\0\1", END_STREAM), PROTOCOL_ERROR, INTERNAL, "ended within a message"),
        (data(b"\0", END_STREAM), PROTOCOL_ERROR, INTERNAL, "ended within a message"),
        (window_update(0, 1), PROTOCOL_ERROR, INTERNAL, "a window update of 0"),
        (window_update(LARGEST_WINDOW, 1), FLOW_CONTROL_ERROR, INTERNAL, "beyond 2"),
        (headers([("x-a", "b")]), PROTOCOL_ERROR, INTERNAL, "trailers"),
        (headers([(":path", "/")], end=True), PROTOCOL_ERROR, INTERNAL, "trailers"),
        (headers([("Upper", "b")], end=True), PROTOCOL_ERROR, INTERNAL, "a field whose name is none"),
        (headers([("connection", "close")], end=True), PROTOCOL_ERROR, INTERNAL, "for HTTP/1 connections"),
        (headers([("te", "gzip")], end=True), PROTOCOL_ERROR, INTERNAL, "for HTTP/1 connections"),
        (headers([("x-a", "b\nc")], end=True), PROTOCOL_ERROR, INTERNAL, "a line break"),
    ],
)
def test_an_error_of_a_stream_ends_the_stream_alone(
    make: Make, received: bytes, code: int, status: int, text: str
) -> None:
    end = make()
    [stream] = end.seen
    end.feed([received])
    assert end.of(stream).status == status
    assert text in end.of(stream).text
    resets = [reset.payload for reset in frames(end.output()) if reset.kind == RST_STREAM]
    assert resets == [struct.pack(">I", code)]
    end.feed([data(SOME), frame(PING, b"12345678")])
    assert frames(end.output())[-1] == (PING, ACK, 0, b"12345678"), "the connection goes on"


def test_data_beyond_the_window_ends_the_stream() -> None:
    end = called_server(Limits())
    end.holds = True
    [stream] = end.seen
    end.feed([data(prefixed(bytes(FIRST_WINDOW - 5))), data(prefixed(b""))])
    assert (end.of(stream).status, end.of(stream).text) == (INTERNAL, "5 more than the window allows was sent")
    assert len(end.of(stream).messages) == 1
    assert frames(end.output())[-1] == (RST_STREAM, 0, 1, struct.pack(">I", FLOW_CONTROL_ERROR))


def test_data_behind_the_end_of_a_stream_ends_it() -> None:
    end = called_server()
    end.feed([data(SOME, END_STREAM), data(SOME)])
    assert frames(end.output())[-1] == (RST_STREAM, 0, 1, struct.pack(">I", STREAM_CLOSED))


# At one end only


def test_a_connection_begins_with_settings() -> None:
    for received in (frame(PING, bytes(8)), frame(SETTINGS, b"", ACK), headers(REQUEST)):
        for (end, _), opening in ((our_server(), PREFACE), (our_client(), b"")):
            end.feed([opening + received])
            assert (failure(end).code, failure(end).text) == (
                PROTOCOL_ERROR,
                "the connection does not begin with SETTINGS",
            )


@pytest.mark.parametrize("received", [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", b"\0"])
def test_a_server_takes_nothing_but_http2(received: bytes) -> None:
    end, _ = our_server()
    end.feed([received])
    assert failure(end).text == "the connection does not begin as HTTP/2"


def test_a_server_may_not_push_nor_say_that_it_may() -> None:
    end = answered_client()
    end.feed([frame(SETTINGS, struct.pack(">HI", ENABLE_PUSH, 1))])
    assert failure(end).text == "push is set to 1"
    end = called_server()
    end.feed([frame(SETTINGS, struct.pack(">HI", ENABLE_PUSH, 1))])
    assert end.others[1:] == []


def test_a_client_calls_on_odd_streams() -> None:
    end = called_server()
    end.feed([headers(REQUEST, stream=4)])
    assert failure(end).text == "a client's call on stream 4"


def test_a_client_is_answered_on_streams_that_it_has_begun() -> None:
    end = answered_client()
    end.feed([headers(RESPONSE, stream=3)])
    assert failure(end).text == "headers for stream 3, which does not exist"


@pytest.mark.parametrize(
    "fields",
    [
        [(":status", "200"), *REQUEST],
        [*REQUEST, (":path", "/again")],
        [REQUEST[-1], *REQUEST[:-1]],
        REQUEST[1:],
        [field for field in REQUEST if field[0] != ":path"],
        [(":protocol", "websocket"), *REQUEST],
        [*REQUEST, ("transfer-encoding", "chunked")],
        [*REQUEST, ("x", "\0")],
    ],
)
def test_a_malformed_call_is_reset_and_never_seen(fields: list[tuple[str, str]]) -> None:
    end = called_server()
    end.feed([headers(fields, stream=3)])
    assert len(end.seen) == 1
    assert frames(end.output()) == [(RST_STREAM, 0, 3, struct.pack(">I", PROTOCOL_ERROR))]
    end.feed([headers(REQUEST, stream=5)])
    assert len(end.seen) == 2


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([(":method", "GET"), *REQUEST[1:]], "405"),
        (REQUEST[:-1], "415"),
        ([*REQUEST[:-1], ("content-type", "text/plain")], "415"),
    ],
)
@pytest.mark.parametrize("ended", [True, False])
def test_what_is_no_grpc_call_is_answered_by_http(fields: list[tuple[str, str]], status: str, ended: bool) -> None:
    end = called_server()
    end.feed([headers(fields, stream=3, end=ended)])
    answer, *reset = frames(end.output())
    assert (answer.kind, answer.stream, answer.fields) == (HEADERS, 3, {":status": status})
    assert answer.flags == END_HEADERS | END_STREAM
    assert reset == ([] if ended else [(RST_STREAM, 0, 3, struct.pack(">I", NO_ERROR))])
    assert len(end.seen) == 1


def test_calls_beyond_the_limit_are_refused_and_those_below_go_on() -> None:
    end = called_server(Limits(max_streams=2))
    end.feed([headers(REQUEST, stream=3) + headers(REQUEST, stream=5)])
    assert [stream.id for stream in end.seen] == [1, 3]
    assert (RST_STREAM, 0, 5, struct.pack(">I", REFUSED_STREAM)) in frames(end.output())


@pytest.mark.parametrize(
    ("fields", "ended", "text"),
    [
        ([("content-type", "application/grpc")], False, "a response without a status"),
        ([(":status", "20")], False, "a response without a status"),
        ([(":status", "2xx")], False, "a response without a status"),
        ([(":status", "103")], True, "an interim response that ends its stream"),
        ([(":path", "/"), (":status", "200")], False, "a response without a status"),
    ],
)
def test_a_malformed_answer_ends_the_call(fields: list[tuple[str, str]], ended: bool, text: str) -> None:
    end, client = our_client()
    stream = client.call(PATH)
    end.feed([frame(SETTINGS), headers(fields, end=ended)])
    assert (end.of(stream).status, end.of(stream).text) == (INTERNAL, text)
    assert frames(end.output())[-1] == (RST_STREAM, 0, 1, struct.pack(">I", PROTOCOL_ERROR))


# Rubbish


@tried(deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_rubbish_is_an_error_of_the_peer_or_nothing(rubbish: bytes, at_client: bool) -> None:
    end = answered_client() if at_client else called_server()
    end.feed([rubbish])
    end.output()


rubbish_frames = st.tuples(st.integers(0, 10), st.integers(0, 255), st.integers(0, 5), st.binary(max_size=30))


@tried(deadline=None)
@given(st.lists(rubbish_frames, max_size=20))
def test_rubbish_in_frames_is_an_error_of_the_peer_or_nothing(
    rubbish: list[tuple[int, int, int, bytes]],
) -> None:
    for end in (called_server(), answered_client()):
        for kind, flags, stream, payload in rubbish:
            end.feed([frame(kind, payload, flags, stream)])
        end.output()


fields = st.sampled_from([*REQUEST, *RESPONSE, ("grpc-status", "0"), ("grpc-timeout", "1S"), ("x-a", "b"), ("te", "x")])


@tried(deadline=None)
@given(st.lists(st.tuples(st.lists(fields, max_size=6), st.integers(0, 7), st.booleans()), max_size=10))
def test_any_headers_are_an_error_of_the_peer_or_taken(
    sent: list[tuple[list[tuple[str, str]], int, bool]],
) -> None:
    for end in (called_server(), answered_client()):
        for names, stream, ended in sent:
            end.feed([frame(HEADERS, block(names), END_HEADERS | (END_STREAM if ended else 0), stream)])
        end.output()
