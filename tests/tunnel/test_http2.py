"""The HTTP/2 of one call, without I/O: two ends against each other, and each against frames written by hand."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.tunnel.errors import RemoteProtocolError
from mattermost_plugin.tunnel.http2 import (
    ACK,
    CANCEL,
    CANCELLED,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FIRST_FRAME_SIZE,
    FIRST_WINDOW,
    GOAWAY,
    HEADERS,
    INTERNAL,
    LARGEST_WINDOW,
    MAX_FRAME_SIZE,
    MAX_HEADER_BLOCK,
    MAX_LITTLE,
    MAX_MESSAGE,
    MAX_OWED,
    OK,
    OUR_FRAME_SIZE,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    REFILL,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    UNAVAILABLE,
    UNIMPLEMENTED,
    UNKNOWN,
    WINDOW_UPDATE,
    Call,
)
from support.http2 import (
    PATH,
    REQUEST,
    RESPONSE,
    Frame,
    answered_client,
    block,
    called_server,
    data,
    frame,
    frames,
    headers,
    is_acknowledgement,
    prefixed,
    settings,
    window_update,
)

GREETING = PREFACE + frame(SETTINGS)

MESSAGES = st.lists(st.one_of(st.binary(max_size=40), st.integers(0, 70_000).map(bytes)), max_size=6)


def cut(stream: bytes, at: Iterable[int]) -> Iterator[bytes]:
    """A stream of bytes in pieces."""
    edges = [0, *sorted(position % (len(stream) + 1) for position in at), len(stream)]
    return (stream[start:end] for start, end in pairwise(edges))


def sent_messages(sent: Iterable[Frame]) -> bytes:
    """The bytes in which messages are, out of some frames."""
    return b"".join(frame.payload for frame in sent if frame.kind == DATA)


def pass_on(sender: Call, receiver: Call) -> list[bytes]:
    """Everything from one end to the other, as one piece; returns the messages."""
    return receiver.receive(b"".join(sender.take_output()))


def connected() -> tuple[Call, Call]:
    """A client and a server in the middle of a call."""
    client, server = Call(client=True), Call(client=False)
    client.start(PATH)
    server.start()
    pass_on(client, server)
    server.accept()
    pass_on(server, client)
    pass_on(client, server)
    return client, server


# Two ends


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


# The opening


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
def test_answers_are_owed_until_they_are_written(asked: bytes) -> None:
    call = called_server()
    for _ in range(3):
        call.receive(asked * (MAX_OWED // 9))
        call.written()
    call.receive(asked * (MAX_OWED // 9 + 1))
    with pytest.raises(RemoteProtocolError, match="does not read"):
        call.receive(asked)


# The peer's windows


@given(
    st.lists(st.integers(0, 5000).map(bytes), min_size=1, max_size=5),
    st.integers(0, 3000),
    st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(1, 4000)), max_size=40),
)
def test_what_is_sent_keeps_to_both_windows_and_arrives_whole(
    messages: list[bytes], window: int, updates: list[tuple[int, int]]
) -> None:
    call = called_server(settings(window=window))
    rooms = {0: FIRST_WINDOW, 1: window}
    expected = b"".join(map(prefixed, messages))
    arrived = b""

    def take() -> None:
        nonlocal arrived
        taken = sent_messages(frames(call.take_output()))
        arrived += taken
        for stream in rooms:
            rooms[stream] -= len(taken)
        assert min(rooms.values()) >= 0
        assert call.blocked is (len(arrived) < len(expected))
        assert not call.blocked or min(rooms.values()) == 0

    for message in messages:
        call.send(message)
    take()
    for stream, increment in [*updates, (0, 30_000), (1, 30_000)]:
        rooms[stream] += increment
        call.receive(window_update(increment, stream))
        take()
    assert arrived == expected


@given(st.integers(0, 200_000), st.integers(FIRST_FRAME_SIZE, 2**24 - 1))
def test_no_frame_is_larger_than_the_peer_takes(size: int, frame_size: int) -> None:
    call = called_server(settings(window=LARGEST_WINDOW, frame_size=frame_size) + window_update(2**20, 0))
    call.send(bytes(size))
    sent = [frame.payload for frame in frames(call.take_output())]
    assert max(map(len, sent)) <= frame_size
    assert b"".join(sent) == prefixed(bytes(size))


def test_a_message_larger_than_the_first_window_waits_for_updates() -> None:
    call = answered_client()
    call.send(bytes(100_000))
    assert call.blocked
    assert len(sent_messages(frames(call.take_output()))) == FIRST_WINDOW
    call.receive(window_update(100_000, 1))
    assert call.blocked, "the connection's own window is still empty"
    assert call.take_output() == []
    call.receive(window_update(100_000, 0))
    assert not call.blocked
    assert len(sent_messages(frames(call.take_output()))) == 100_005 - FIRST_WINDOW


def test_settings_can_take_a_window_below_zero() -> None:
    call = called_server()
    call.send(bytes(1000 - 5))
    call.receive(settings(window=100))
    call.take_output()
    call.send(b"later")
    for increment in (600, 300):  # from -900 to 0
        call.receive(window_update(increment, 1))
        assert call.blocked
        assert call.take_output() == []
    call.receive(window_update(4, 1))
    assert sent_messages(frames(call.take_output())) == prefixed(b"later")[:4]
    call.receive(settings(window=106))
    assert sent_messages(frames(call.take_output())) == prefixed(b"later")[4:]
    assert not call.blocked


def test_messages_keep_their_order_when_some_wait() -> None:
    call = called_server(settings(window=8))
    for message in (b"first", b"", b"third"):
        call.send(message)
    call.receive(window_update(1000, 1))
    assert sent_messages(frames(call.take_output())) == b"".join(map(prefixed, (b"first", b"", b"third")))


def test_to_finish_waits_for_what_is_queued() -> None:
    for call in (called_server(settings(window=8)), answered_client(settings(window=8))):
        call.send(b"message")
        call.finish()
        assert not any(frame.flags & END_STREAM for frame in frames(call.take_output()))
        call.receive(window_update(4, 1))
        rest, *_, end = frames(call.take_output())
        assert rest.payload == b"sage"[-len(rest.payload) :]
        assert end.flags & END_STREAM


def test_our_windows_are_refilled_by_what_was_received() -> None:
    call = called_server()
    payload = prefixed(bytes(OUR_FRAME_SIZE - 5))
    piece = data(payload)
    for _ in range(REFILL // OUR_FRAME_SIZE - 1):
        call.receive(piece)
    assert call.take_output() == []
    call.receive(piece)
    increment = struct.pack(">I", REFILL)
    assert frames(call.take_output()) == [Frame(WINDOW_UPDATE, 0, stream, increment) for stream in (0, 1)]
    call.receive(piece)
    assert call.take_output() == []


def test_what_comes_on_a_refused_stream_refills_only_the_connection() -> None:
    call = called_server()
    refused, taken = data(bytes(OUR_FRAME_SIZE), 0, 3), data(prefixed(bytes(OUR_FRAME_SIZE - 5)))
    call.receive(refused)
    for _ in range(REFILL // OUR_FRAME_SIZE):
        call.receive(taken)
    added = {0: 0, 1: 0}
    for sent in frames(call.take_output()):
        added[sent.stream] += struct.unpack(">I", sent.payload)[0]
    assert added == {0: REFILL + OUR_FRAME_SIZE, 1: REFILL}


# What is allowed


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


# How the peer can end it


@pytest.mark.parametrize(
    ("code", "status"), [(CANCEL, CANCELLED), (REFUSED_STREAM, UNAVAILABLE), (0, INTERNAL), (2, INTERNAL)]
)
def test_a_reset_is_a_status(code: int, status: int) -> None:
    client = answered_client()
    client.receive(frame(RST_STREAM, struct.pack(">I", code), stream=1))
    assert client.status == status
    assert str(code) in client.text


def test_the_end_of_the_connection_is_a_status() -> None:
    for last, code in ((1, 2), (0, 0)):
        client = answered_client()
        client.receive(frame(GOAWAY, struct.pack(">II", last, code) + b"why"))
        assert client.status == UNAVAILABLE


def test_a_connection_that_takes_no_more_calls_keeps_this_one() -> None:
    client = answered_client()
    for last in (LARGEST_WINDOW, 1):
        client.receive(frame(GOAWAY, struct.pack(">II", last, 0)))
    assert client.receive(data(prefixed(b"x"))) == [b"x"]
    assert client.status is None


def test_a_client_that_takes_no_pushed_streams_keeps_its_call() -> None:
    server = called_server()
    server.receive(frame(GOAWAY, struct.pack(">II", 0, 0)))
    assert server.status is None


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ([*RESPONSE, ("grpc-status", "12"), ("grpc-message", "no%20such")], UNIMPLEMENTED, "no such"),
        ([*RESPONSE, ("grpc-status", "0")], OK, ""),
        ([*RESPONSE, ("grpc-status", "")], UNKNOWN, ""),
        ([*RESPONSE, ("grpc-status", "-1")], UNKNOWN, ""),
        ([*RESPONSE, ("grpc-status", "9" * 5000)], UNKNOWN, ""),
        (RESPONSE, UNKNOWN, "the stream ended without a status"),
        ([(":status", "404")], UNIMPLEMENTED, "the answer has HTTP status 404"),
        ([(":status", "503")], UNAVAILABLE, "the answer has HTTP status 503"),
        ([(":status", "500")], UNKNOWN, "the answer has HTTP status 500"),
    ],
)
def test_an_answer_of_trailers_alone_is_a_status(fields: list[tuple[str, str]], status: int, text: str) -> None:
    client = Call(client=True)
    client.start(PATH)
    client.receive(frame(SETTINGS) + headers(fields, end=True))
    assert (client.status, client.text) == (status, text)


def test_another_http_status_ends_the_call_even_where_a_body_follows() -> None:
    client = Call(client=True)
    client.start(PATH)
    client.receive(frame(SETTINGS) + headers([(":status", "502"), ("content-type", "text/html")]))
    assert client.status == UNAVAILABLE


def test_data_that_ends_the_stream_leaves_no_status() -> None:
    client = answered_client()
    assert client.receive(data(prefixed(b"x"), END_STREAM)) == [b"x"]
    assert (client.status, client.text) == (UNKNOWN, "the stream ended without a status")


# What is not allowed


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
