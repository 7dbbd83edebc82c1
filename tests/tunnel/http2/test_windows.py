"""Both windows and the largest frame: what is sent keeps to the peer's, and ours are refilled."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.http2.endpoint import REFILL
from mattermost_plugin.http2.frames import END_STREAM, FIRST_FRAME_SIZE, FIRST_WINDOW, LARGEST_WINDOW, WINDOW_UPDATE
from mattermost_plugin.tunnel.http2 import OUR_FRAME_SIZE
from support.http2 import (
    Frame,
    answered_client,
    called_server,
    data,
    frames,
    prefixed,
    sent_messages,
    settings,
    window_update,
)


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
