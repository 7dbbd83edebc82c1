"""What both ends say first, and what they answer to settings and pings."""

from __future__ import annotations

import struct

import pytest

from mattermost_plugin.http2.endpoint import MAX_UNREAD
from mattermost_plugin.http2.frames import (
    ACK,
    FIRST_WINDOW,
    LARGEST_WINDOW,
    MAX_FRAME_SIZE,
    PING,
    PREFACE,
    SETTINGS,
    WINDOW_UPDATE,
)
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from mattermost_plugin.tunnel.http2 import OUR_FRAME_SIZE, Call
from support.http2 import (
    PATH,
    REQUEST,
    Frame,
    answered_client,
    called_server,
    frame,
    frames,
    headers,
    is_acknowledgement,
    settings,
)


def test_a_client_opens_with_what_an_ordinary_grpc_server_reads() -> None:
    client = Call(client=True)
    client.start(PATH)
    output = b"".join(client.take_output())
    assert output.startswith(PREFACE)
    settings_frame, update, request = frames(output)
    assert settings_frame.kind == SETTINGS
    assert update == Frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGEST_WINDOW - FIRST_WINDOW))
    assert request.fields == {
        ":method": "POST",
        ":scheme": "http",
        ":path": PATH,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
    }


def test_both_windows_are_as_large_as_http2_allows() -> None:
    server = Call(client=False)
    server.start()
    settings_frame, update = frames(server.take_output())
    assert dict(struct.iter_unpack(">HI", settings_frame.payload)) == {4: 2**31 - 1, MAX_FRAME_SIZE: OUR_FRAME_SIZE}
    assert struct.unpack(">I", update.payload) == (2**31 - 1 - 65_535,)


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\n\r\n", b"\0", PREFACE[:10] + b"x", PREFACE[:-1] + b"x"])
def test_what_does_not_begin_as_http2_is_refused(start: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="does not begin as HTTP/2"):
        Call(client=False).receive(start)


def test_settings_are_acknowledged_once() -> None:
    for call in (called_server(), answered_client()):
        call.receive(settings(window=1000))
        assert [is_acknowledgement(frame) for frame in frames(call.take_output())] == [True]
        call.receive(frame(SETTINGS, flags=ACK))
        assert call.take_output() == []


def test_a_ping_is_answered_and_an_answer_is_not() -> None:
    call = called_server()
    call.receive(frame(PING, b"12345678"))
    assert frames(call.take_output()) == [Frame(PING, ACK, 0, b"12345678")]
    call.receive(frame(PING, b"12345678", ACK))
    assert call.take_output() == []


@pytest.mark.parametrize("asked", [frame(PING, b"12345678"), frame(SETTINGS), headers(REQUEST, stream=3)])
def test_answers_count_until_they_are_written(asked: bytes) -> None:
    call = called_server()
    for _ in range(3):
        call.receive(asked * (MAX_UNREAD // 9))
        call.written()
    call.receive(asked * (MAX_UNREAD // 9 + 1))
    with pytest.raises(RemoteProtocolError, match="does not read"):
        call.receive(asked)
