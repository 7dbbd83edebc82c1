"""What a peer may not send, and rubbish."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.http2.endpoint import MAX_HEADER_BLOCK
from mattermost_plugin.http2.frames import (
    CONTINUATION,
    END_HEADERS,
    FIRST_FRAME_SIZE,
    GOAWAY,
    HEADERS,
    LARGEST_WINDOW,
    PADDED,
    PING,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)
from mattermost_plugin.http2.messages import MAX_LITTLE
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from mattermost_plugin.tunnel.http2 import MAX_MESSAGE, OUR_FRAME_SIZE, Call
from support.http2 import (
    GREETING,
    REQUEST,
    RESPONSE,
    answered_client,
    called_server,
    connected,
    data,
    frame,
    headers,
    pass_on,
    prefixed,
    settings,
    window_update,
)


@pytest.mark.parametrize(
    ("received", "text"),
    [
        (data(b"\1\0\0\0\0"), "compressed"),
        (data(b"\0" + (MAX_MESSAGE + 1).to_bytes(4, "big")), "a message of 4194305 bytes"),
        (data(b"", stream=0), "data on stream 0"),
        (data(b"") * (MAX_LITTLE + 1), "next to nothing"),
        (data(prefixed(b"")) * (MAX_LITTLE + 1), "next to nothing"),
        (data(b"", PADDED), "padding longer"),
        (data(b"\5abcd", PADDED), "padding longer"),
        (frame(HEADERS, b"\1", PADDED | END_HEADERS, 1), "padding longer"),
        ((OUR_FRAME_SIZE + 1).to_bytes(3, "big") + bytes(6), "a frame of 1048577 bytes"),
        (frame(HEADERS, b"\xff\xff\xff\xff", END_HEADERS, 1), "headers that cannot be read"),
        (frame(HEADERS, bytes(MAX_HEADER_BLOCK + 1), END_HEADERS, 3), "a header block of more than 65536"),
        (frame(HEADERS, b"", 0, 1) + frame(CONTINUATION, bytes(MAX_HEADER_BLOCK + 1), 0, 1), "a header block of more"),
        (frame(HEADERS, b"", 0, 1) + frame(PING, bytes(8)), "a header block was interrupted"),
        (frame(HEADERS, b"", 0, 1) + data(b""), "a header block was interrupted"),
        (frame(HEADERS, b"", 0, 3) + frame(CONTINUATION, b"", END_HEADERS, 5), "a header block was interrupted"),
        (frame(CONTINUATION, b"", END_HEADERS, 1), "continued without a beginning"),
        (frame(PUSH_PROMISE, bytes(4), END_HEADERS, 1), "a pushed stream"),
        (frame(PING, b"1234567"), "a PING of an impossible length"),
        (frame(SETTINGS, b"12345"), "SETTINGS of an impossible length"),
        (settings(frame_size=FIRST_FRAME_SIZE - 1), "a maximum frame size of 16383"),
        (settings(frame_size=2**24), "a maximum frame size of 16777216"),
        (settings(window=2**31), "a window of 2147483648"),
        (window_update(1000, 1) + settings(window=LARGEST_WINDOW), "a window of 2147483647 bytes, or one that it"),
        (settings(window=LARGEST_WINDOW) + window_update(1, 1), "beyond 2"),
        (window_update(0, 1), "a window update of 0"),
        (window_update(0, 0), "a window update of 0"),
        (window_update(LARGEST_WINDOW, 1), "beyond 2"),
        (window_update(LARGEST_WINDOW, 0), "beyond 2"),
        (frame(WINDOW_UPDATE, b"123", stream=1), "a frame of an impossible length"),
        (frame(RST_STREAM, b"", stream=1), "a frame of an impossible length"),
        (frame(GOAWAY, b"1234"), "a frame of an impossible length"),
    ],
)
@pytest.mark.parametrize("make", [called_server, answered_client])
def test_a_violation_is_an_error_that_says_what_it_was(make: Callable[[], Call], received: bytes, text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=text):
        make().receive(received)


@pytest.mark.parametrize(
    "fields",
    [
        [(":method", "GET"), *REQUEST[1:]],
        REQUEST[:-1],
        [*REQUEST[:-1], ("content-type", "text/plain")],
    ],
)
def test_a_request_that_is_no_grpc_call_is_an_error(fields: list[tuple[str, str]]) -> None:
    with pytest.raises(RemoteProtocolError, match="no gRPC call"):
        Call(client=False).receive(GREETING + headers(fields))


def test_a_client_is_answered_on_its_own_stream() -> None:
    with pytest.raises(RemoteProtocolError, match="headers on stream 3"):
        answered_client().receive(headers(RESPONSE, stream=3))


def test_a_message_may_be_as_large_as_the_protocol_says() -> None:
    client, server = connected()
    message = bytes(range(256)) * (MAX_MESSAGE // 256)
    client.send(message)
    assert pass_on(client, server) == [message]


@given(st.binary(max_size=300), st.booleans())
def test_rubbish_is_an_error_of_the_peer_or_nothing(rubbish: bytes, at_client: bool) -> None:
    call = answered_client() if at_client else called_server()
    try:
        call.receive(rubbish)
    except RemoteProtocolError:
        return
    assert call.receive(b"") == []


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 255), st.integers(0, 3), st.binary(max_size=30))))
def test_rubbish_in_frames_is_an_error_of_the_peer_or_a_status_or_nothing(
    rubbish: list[tuple[int, int, int, bytes]],
) -> None:
    for call in (called_server(), answered_client()):
        try:
            for kind, flags, stream, payload in rubbish:
                call.receive(frame(kind, payload, flags, stream))
        except RemoteProtocolError:
            continue
