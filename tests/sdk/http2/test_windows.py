"""Credit: a reader that does not read holds its own peer back, and nobody else."""

from __future__ import annotations

import struct

from mattermost_plugin.http2.endpoint import REFILL
from mattermost_plugin.http2.frames import (
    DATA,
    END_STREAM,
    FIRST_FRAME_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW,
    PADDED,
    SETTINGS,
    WINDOW_UPDATE,
)
from mattermost_plugin.http2.limits import FIRST_WINDOW, Limits
from mattermost_plugin.http2.limits import LARGEST_WINDOW as LARGEST_STREAM_WINDOW
from mattermost_plugin.http2.messages import PREFIX_SIZE
from mattermost_plugin.http2.transfer import OUTPUT
from support.http2 import (
    GREETING,
    PATH,
    REQUEST,
    Frame,
    data,
    frame,
    frames,
    headers,
    prefixed,
    settings,
    window_update,
)
from support.http2_ends import End, our_client, our_server, split

FIXED = Limits(largest_window=FIRST_WINDOW)
HALF = bytes(FIRST_WINDOW // 2 - PREFIX_SIZE)
MANY = 2**20


def called(limits: Limits = FIXED, *, holds: bool = True) -> End:
    """A server that was called on stream 1, and does not consume what comes there unless it is told to."""
    end, server = our_server(limits)
    end.on_call = server.respond
    end.holds = holds
    end.feed([GREETING + headers(REQUEST)])
    end.output()
    return end


def credits(end: End) -> list[tuple[int, int]]:
    """What was given back: of which stream, and how much."""
    return [
        (sent.stream, int.from_bytes(sent.payload, "big"))
        for sent in frames(end.output())
        if sent.kind == WINDOW_UPDATE
    ]


def sizes(sent: list[Frame]) -> list[int]:
    return [len(one.payload) for one in sent if one.kind == DATA]


def test_the_opening_says_how_much_may_come() -> None:
    end, _ = our_server()
    opening, update = frames(end.output())
    said = dict(struct.iter_unpack(">HI", opening.payload))
    assert (opening.kind, said[INITIAL_WINDOW_SIZE]) == (SETTINGS, FIRST_WINDOW)
    assert (update.stream, int.from_bytes(update.payload, "big")) == (0, LARGEST_WINDOW - 65_535)


# What comes


def test_credit_comes_back_when_messages_were_consumed_and_not_before() -> None:
    end = called()
    end.feed([data(prefixed(HALF)), data(prefixed(HALF))])
    assert credits(end) == []
    end.consume()
    assert credits(end) == [(1, FIRST_WINDOW // 2), (1, FIRST_WINDOW // 2)]


def test_a_stream_that_is_not_read_does_not_hold_another_up() -> None:
    end = called()
    end.feed([data(prefixed(HALF)), data(prefixed(HALF))])
    end.feed([headers(REQUEST, stream=3), data(prefixed(HALF), stream=3)])
    event = end.held.pop()
    assert event.stream.id == 3
    end.connection.consume(event.stream, event.credit)
    assert credits(end) == [(3, FIRST_WINDOW // 2)]


def test_a_message_may_be_larger_than_the_window_while_nothing_waits_before_it() -> None:
    end = called()
    message = bytes(10 * FIRST_WINDOW)
    sent, room = prefixed(message), FIRST_WINDOW
    while sent:
        end.feed([data(sent[: min(room, FIRST_FRAME_SIZE)])])
        taken = min(room, FIRST_FRAME_SIZE, len(sent))
        sent, room = sent[taken:], room - taken + sum(credit for _, credit in credits(end))
    [stream] = end.seen
    assert end.of(stream).messages == [message]


def test_a_part_of_a_message_behind_one_that_waits_keeps_its_credit() -> None:
    end = called()
    end.feed([data(prefixed(HALF)), data(prefixed(bytes(MANY))[: FIRST_WINDOW // 2])])
    assert credits(end) == []
    end.consume()
    assert credits(end) == [(1, FIRST_WINDOW)]


def test_a_message_in_pieces_costs_its_length_once() -> None:
    end = called()
    whole = prefixed(HALF)
    end.feed([data(whole[:3]), data(whole[3:100]), data(whole[100:])])
    end.consume()
    assert credits(end) == [(1, FIRST_WINDOW // 2)]


def test_a_window_that_is_read_fast_grows_out_of_the_pool_and_gives_back_at_the_end() -> None:
    end = called(Limits(pool_size=FIRST_WINDOW), holds=False)
    end.feed([data(prefixed(HALF))])
    assert credits(end) == [(1, FIRST_WINDOW // 2 + FIRST_WINDOW)]
    end.feed([headers(REQUEST, stream=3), data(prefixed(HALF), stream=3)])
    assert credits(end) == [(3, FIRST_WINDOW // 2)], "the pool is empty"
    end.feed([data(b"", END_STREAM)])
    [first, _] = end.seen
    end.connection.finish(first)  # type: ignore[attr-defined]  # a server's
    end.output()
    end.feed([headers(REQUEST, stream=5), data(prefixed(HALF), stream=5)])
    assert credits(end) == [(5, FIRST_WINDOW // 2 + FIRST_WINDOW)]


def test_a_window_grows_no_further_than_to_the_largest() -> None:
    end = called(Limits(), holds=False)
    granted = FIRST_WINDOW
    for _ in range(20):
        end.feed([data(prefixed(bytes(FIRST_FRAME_SIZE - PREFIX_SIZE))) for _ in range(granted // FIRST_FRAME_SIZE)])
        granted = granted % FIRST_FRAME_SIZE + sum(credit for _, credit in credits(end))
        assert granted <= LARGEST_STREAM_WINDOW
    assert granted > LARGEST_STREAM_WINDOW // 2


def test_padding_is_given_back_at_once() -> None:
    end = called()
    padded = bytes((255,)) + bytes(255)
    end.feed([data(padded, PADDED) for _ in range(FIRST_WINDOW // 512)])
    assert credits(end) == [(1, FIRST_WINDOW // 2)]


def test_the_window_of_the_connection_is_refilled_though_nothing_is_consumed() -> None:
    end = called(Limits(max_streams=MANY))
    end.connection._received = REFILL - 3 * FIRST_WINDOW  # a gigabyte takes its time
    for stream in (3, 5, 7):
        assert credits(end) == []
        end.feed([headers(REQUEST, stream=stream)])
        end.feed([data(prefixed(HALF), stream=stream), data(prefixed(HALF), stream=stream)])
    assert credits(end) == [(0, REFILL)]


# What is sent


def test_messages_of_one_turn_share_a_frame_with_the_end() -> None:
    end, client = our_client()
    stream = client.call(PATH)
    for message in (b"head", b"body", b""):
        client.send(stream, message)
    client.end(stream)
    sent = frames(end.output())
    assert [(one.kind, one.flags & END_STREAM) for one in sent[2:]] == [(HEADERS, 0), (DATA, END_STREAM)]
    assert split(sent[-1].payload) == [b"head", b"body", b""]


def test_what_is_sent_keeps_to_the_windows_and_to_the_size_of_a_frame() -> None:
    end, client = our_client()
    end.feed([settings(window=100_000, frame_size=20_000)])
    stream = client.call(PATH)
    client.send(stream, bytes(MANY))
    assert sizes(frames(end.output())) == [20_000, 20_000, 20_000, 5_535], "the connection's window is 65,535"
    end.feed([window_update(MANY * 2, 0)])
    assert sizes(frames(end.output())) == [20_000, 14_465]
    end.feed([window_update(7, 1)])
    assert sizes(frames(end.output())) == [7]
    end.feed([settings(window=0)])
    end.feed([window_update(99_999, 1)])
    assert sizes(frames(end.output())) == [], "the window has shrunk below nothing"
    end.feed([window_update(2, 1)])
    assert sizes(frames(end.output())) == [1]


def test_a_stream_that_waits_for_its_window_does_not_hold_another_up() -> None:
    end, client = our_client()
    end.feed([settings(window=10)])
    first, second = client.call(PATH), client.call(PATH)
    client.send(first, bytes(1000))
    client.send(second, b"abc")
    sent = [one for one in frames(end.output()) if one.kind == DATA]
    assert [(one.stream, len(one.payload)) for one in sent] == [(1, 10), (3, 8)]


def test_streams_with_much_to_send_take_turns() -> None:
    end, client = our_client()
    end.feed([settings(window=MANY), window_update(MANY, 0)])
    for _ in range(3):
        stream = client.call(PATH)
        client.send(stream, bytes(100_000))
        client.end(stream)
    sent = [one for one in frames(end.output()) if one.kind == DATA]
    assert [one.stream for one in sent[:9]] == [1, 3, 5] * 3
    assert sum(len(one.payload) for one in sent) == 3 * (100_000 + PREFIX_SIZE)


def test_so_much_leaves_at_once_as_is_asked_for() -> None:
    _, client = our_client()
    client.receive(settings(window=MANY) + window_update(MANY, 0))
    stream = client.call(PATH)
    client.send(stream, bytes(MANY))
    client.take_output()
    assert sum(map(len, client.take_output())) <= OUTPUT + FIRST_FRAME_SIZE
    assert client.has_output


def test_what_waits_of_a_stream_can_be_told() -> None:
    end, client = our_client()
    stream = client.call(PATH)
    client.send(stream, bytes(100_000))
    assert stream.queued == 100_000 + PREFIX_SIZE
    end.output()
    assert stream.queued == 100_000 + PREFIX_SIZE - 65_535


def test_an_end_waits_for_no_window() -> None:
    end, client = our_client()
    end.feed([settings(window=0)])
    stream = client.call(PATH)
    client.end(stream)
    assert frames(end.output())[-1] == (DATA, END_STREAM, 1, b"")
    end, server = our_server()
    end.on_call = server.finish
    end.feed([GREETING + settings(window=0) + headers(REQUEST)])
    assert frames(end.output())[-2].fields["grpc-status"] == "0"


def test_what_is_given_up_is_not_sent() -> None:
    end, client = our_client()
    stream = client.call(PATH)
    client.send(stream, b"never")
    client.reset(stream)
    assert [one.kind for one in frames(end.output())[2:]] == [HEADERS, 3]
    client.send(stream, b"neither")
    client.end(stream)
    client.reset(stream)
    assert end.output() == b""
    end.feed([frame(SETTINGS), data(prefixed(b"late"))])
    assert end.seen == {}
