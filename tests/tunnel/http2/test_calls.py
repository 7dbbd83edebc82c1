"""A call between two ends: its messages, however they are cut, and its end."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.http2.frames import CANCEL, END_STREAM, FIRST_FRAME_SIZE, GOAWAY, LARGEST_WINDOW, RST_STREAM
from mattermost_plugin.http2.statuses import INTERNAL, OK, UNIMPLEMENTED
from mattermost_plugin.tunnel.http2 import Call
from support.http2 import (
    GREETING,
    PATH,
    REQUEST,
    Frame,
    called_server,
    connected,
    cut,
    data,
    frame,
    frames,
    headers,
    pass_on,
    prefixed,
    settings,
    window_update,
)

MESSAGES = st.lists(st.one_of(st.binary(max_size=40), st.integers(0, 70_000).map(bytes)), max_size=6)


def test_a_client_calls_a_path_and_both_send_messages() -> None:
    client, server = connected()
    assert server.path == PATH
    client.send(b"to the server")
    server.send(b"to the client")
    server.send(b"")
    assert pass_on(client, server) == [b"to the server"]
    assert pass_on(server, client) == [b"to the client", b""]
    assert (client.status, server.status) == (None, None)


def test_nothing_is_written_twice_and_nothing_without_a_reason() -> None:
    client, server = connected()
    pass_on(server, client)
    assert client.take_output() == []
    assert server.take_output() == []


@given(MESSAGES, st.lists(st.integers(0, 500_000), max_size=12), st.booleans())
def test_any_cutting_of_the_bytes_gives_the_same_messages(messages: list[bytes], at: list[int], upward: bool) -> None:
    client, server = Call(client=True), Call(client=False)
    client.start(PATH)
    server.start()
    sender, receiver = (client, server) if upward else (server, client)
    if not upward:
        server.receive(GREETING + headers(REQUEST))
        server.accept()
    sender.receive(settings(window=LARGEST_WINDOW) + window_update(2**30, 0))
    for message in messages:
        sender.send(message)
    sender.finish()
    stream = b"".join(sender.take_output())
    assert [message for piece in cut(stream, at) for message in receiver.receive(piece)] == messages
    assert receiver.status == OK


def test_a_stream_may_come_byte_by_byte() -> None:
    server = Call(client=False)
    stream = GREETING + headers(REQUEST) + data(prefixed(b"one") + prefixed(b"two"))
    assert [message for byte in stream for message in server.receive(bytes([byte]))] == [b"one", b"two"]


@given(MESSAGES, st.lists(st.integers(1, 500_000), max_size=12))
def test_messages_and_frames_need_not_agree(messages: list[bytes], at: list[int]) -> None:
    server = called_server()
    stream = b"".join(map(prefixed, messages))
    arrived = [message for piece in cut(stream, at) for message in server.receive(data(piece))]
    assert arrived == messages


def test_the_client_ends_its_side_and_the_server_the_call() -> None:
    client, server = connected()
    client.send(b"last")
    client.finish()
    assert pass_on(client, server) == [b"last"]
    assert server.status == OK
    server.send(b"answer")
    server.finish()
    assert pass_on(server, client) == [b"answer"]
    assert client.status == OK


@pytest.mark.parametrize("text", ["", "plain", "100 % of it\nand more", "naïve ☃", "%41"])
def test_a_status_and_its_text_arrive(text: str) -> None:
    client, server = connected()
    server.finish(INTERNAL, text)
    pass_on(server, client)
    assert (client.status, client.text) == (INTERNAL, text)


def test_a_server_may_refuse_before_it_accepts() -> None:
    client, server = Call(client=True), Call(client=False)
    client.start("/unknown")
    server.start()
    pass_on(client, server)
    server.finish(UNIMPLEMENTED, "not here")
    output = server.take_output()
    assert frames(output)[-1].fields[":status"] == "200"
    client.receive(b"".join(output))
    assert (client.status, client.text) == (UNIMPLEMENTED, "not here")


def test_a_server_that_ends_the_call_lets_the_client_hang_up() -> None:
    server = called_server()
    server.finish()
    goaway, trailers = frames(server.take_output())
    assert goaway == Frame(GOAWAY, 0, 0, struct.pack(">II", 1, 0))
    assert trailers.flags & END_STREAM


def test_a_call_ends_once() -> None:
    client, server = connected()
    server.finish(INTERNAL, "first")
    server.finish(OK, "second")
    pass_on(server, client)
    assert (client.status, client.text) == (INTERNAL, "first")
    client.receive(frame(RST_STREAM, struct.pack(">I", CANCEL), stream=1))
    assert client.status == INTERNAL


def test_a_text_of_any_length_fits_in_the_peers_frames() -> None:
    client, server = connected()
    server.finish(UNIMPLEMENTED, "☃" * 50_000)
    output = b"".join(server.take_output())
    assert max(len(frame.payload) for frame in frames(output)) <= FIRST_FRAME_SIZE
    client.receive(output)
    assert client.status == UNIMPLEMENTED
    assert client.text.startswith("☃☃☃")
