"""Frames that a peer need not send, but may."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.http2.frames import (
    CANCEL,
    CONTINUATION,
    END_HEADERS,
    HEADERS,
    PADDED,
    PRIORITY,
    REFUSED_STREAM,
    RST_STREAM,
)
from mattermost_plugin.http2.statuses import OK
from mattermost_plugin.tunnel.http2 import Call
from support.http2 import (
    GREETING,
    PATH,
    REQUEST,
    Frame,
    block,
    called_server,
    cut,
    data,
    frame,
    frames,
    headers,
    prefixed,
    window_update,
)


def padded(payload: bytes, padding: int) -> bytes:
    return bytes([padding]) + payload + bytes(padding)


@given(st.binary(max_size=100), st.integers(0, 255))
def test_padding_is_no_part_of_anything(message: bytes, padding: int) -> None:
    server = Call(client=False)
    server.receive(GREETING + frame(HEADERS, padded(block(REQUEST), padding), PADDED | END_HEADERS, 1))
    assert server.path == PATH
    assert server.receive(data(padded(prefixed(message), padding), PADDED)) == [message]


def test_a_priority_is_read_over() -> None:
    server = Call(client=False)
    payload = padded(struct.pack(">IB", 0, 16) + block(REQUEST), 3)
    server.receive(GREETING + frame(HEADERS, payload, PADDED | PRIORITY | END_HEADERS, 1))
    assert server.path == PATH


@given(st.lists(st.integers(0, 200), max_size=5))
def test_headers_may_be_continued(at: list[int]) -> None:
    server = Call(client=False)
    first, *rest = cut(block(REQUEST), at)
    pieces = [frame(HEADERS, first, 0, 1), *(frame(CONTINUATION, piece, 0, 1) for piece in rest)]
    server.receive(GREETING + b"".join(pieces))
    assert server.path == ""
    server.receive(frame(CONTINUATION, b"", END_HEADERS, 1))
    assert server.path == PATH


@given(st.integers(10, 255), st.binary(max_size=50), st.integers(0, 255), st.integers(0, 9))
def test_frames_of_unknown_kinds_are_ignored(kind: int, payload: bytes, flags: int, stream: int) -> None:
    call = called_server()
    assert call.receive(frame(kind, payload, flags, stream) + data(prefixed(b"x"))) == [b"x"]
    assert call.take_output() == []


def test_a_second_stream_is_refused_and_the_first_goes_on() -> None:
    call = called_server()
    messages = call.receive(
        headers([*REQUEST, ("one", "more")], stream=3) + data(prefixed(b"no"), stream=3) + data(prefixed(b"yes"))
    )
    assert messages == [b"yes"]
    refusal = frames(call.take_output())[0]
    assert refusal == Frame(RST_STREAM, 0, 3, struct.pack(">I", REFUSED_STREAM))
    assert (call.path, call.status) == (PATH, None)


def test_what_becomes_of_other_streams_does_not_matter() -> None:
    call = called_server()
    call.receive(frame(RST_STREAM, struct.pack(">I", CANCEL), stream=3) + window_update(5, 3))
    assert call.status is None


def test_a_client_may_end_with_its_request_or_with_trailers() -> None:
    server = Call(client=False)
    server.receive(GREETING + headers(REQUEST, end=True))
    assert (server.path, server.status) == (PATH, OK)
    server = called_server()
    server.receive(headers([("some", "trailer")], end=True))
    assert (server.path, server.status) == (PATH, OK)
