"""What a connection is for, by what its client sends first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.http2.errors import Violation
from mattermost_plugin.http2.frames import CONTINUATION, END_HEADERS, HEADERS, PING, PREFACE, SETTINGS, frame_head
from mattermost_plugin.listening.first_call import MAX_BYTES, FirstCall
from mattermost_plugin.tunnel.http2 import Call

PATH = "/some.Service/Method"


def opening(path: str = PATH) -> bytes:
    """What an end of ours sends first."""
    call = Call(client=True)
    call.start(path)
    return b"".join(call.take_output())


def told(data: bytes) -> FirstCall:
    first = FirstCall()
    first.receive(data)
    return first


def test_who_calls_at_once_says_for_what() -> None:
    first = told(opening() + b"\0\0\0\x01\0\0")
    assert (first.known, first.path) == (True, PATH)
    assert first.take_all() == opening() + b"\0\0\0\x01\0\0"


@given(cuts=st.lists(st.integers(0, len(opening())), max_size=8))
def test_a_call_that_comes_in_pieces_is_known_once_it_is_complete_or_was_taken_for_none(cuts: list[int]) -> None:
    data, first, position = opening(), FirstCall(), 0
    for cut in sorted({*cuts, len(data)}):
        if not first.known:
            first.receive(data[position:cut])
            position = cut
    assert first.known
    assert first.path in (PATH, "")
    assert first.take_all() == data[:position]


@pytest.mark.parametrize("end", [1, 10, 23, 30, 60])
def test_half_a_beginning_is_waited_for(end: int) -> None:
    first = told(opening()[:end])
    assert not first.known
    first.receive(opening()[end:])
    assert first.path == PATH


@pytest.mark.parametrize("data", [PREFACE, PREFACE + frame_head(0, SETTINGS, 0, 0)])
def test_who_waits_before_it_calls_is_for_grpc(data: bytes) -> None:
    first = told(data)
    assert (first.known, first.path) == (True, "")


def test_who_pings_first_is_for_grpc() -> None:
    first = told(PREFACE + frame_head(0, SETTINGS, 0, 0) + frame_head(8, PING, 0, 0) + bytes(8))
    assert (first.known, first.path) == (True, "")


def test_a_head_in_several_frames_is_read_as_one() -> None:
    head = opening()[len(PREFACE) :]
    position = 0
    while head[position + 3] != HEADERS:
        position += 9 + int.from_bytes(head[position : position + 3], "big")
    block = head[position + 9 :]
    pieces = frame_head(5, HEADERS, 0, 1) + block[:5] + frame_head(len(block) - 5, CONTINUATION, END_HEADERS, 1)
    assert told(PREFACE + head[:position] + pieces + block[5:]).path == PATH


def test_a_call_on_another_stream_is_for_grpc() -> None:
    data = bytearray(opening())
    place = data.rindex(HEADERS.to_bytes(1, "big") + END_HEADERS.to_bytes(1, "big") + b"\0\0\0\x01")
    data[place + 5] = 3
    first = told(bytes(data))
    assert (first.known, first.path) == (True, "")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "does not begin as HTTP/2"),
        (PREFACE + frame_head(2**14 + 1, SETTINGS, 0, 0), "a frame of 16385 bytes"),
        (PREFACE + frame_head(3, HEADERS, END_HEADERS, 1) + b"\xff\xff\xff", "headers that cannot be read"),
        (PREFACE + frame_head(1, HEADERS, 0, 1) + b"x" + frame_head(0, SETTINGS, 0, 0), "was interrupted"),
    ],
)
def test_what_is_no_beginning_is_a_violation(data: bytes, why: str) -> None:
    with pytest.raises(Violation, match=why):
        told(data)


def test_there_is_a_bound_on_what_comes_before_a_call() -> None:
    first = FirstCall()
    first.receive(PREFACE + b"\0")
    with pytest.raises(Violation, match=f"more than {MAX_BYTES} bytes, and no call"):
        while not first.known:  # settings, each of which is complete but for its last byte
            first.receive(bytes((60, 0, SETTINGS, 0, 0, 0, 0, 0)) + bytes(60 * 256) + b"\0")


@given(data=st.binary(max_size=400))
def test_anything_is_known_waited_for_or_a_violation(data: bytes) -> None:
    first = FirstCall()
    try:
        first.receive(PREFACE[: len(data) % 30] + data)
    except Violation:
        return
    assert first.take_all() == PREFACE[: len(data) % 30] + data
