"""Messages of one frame, read and written without the library, which is what they are held against."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from mattermost_plugin.exchange import Message
from servehttp.front.websocket_frames import BATCH, FrameReader, frame_head

LARGEST = 300_000
LENGTHS = (0, 1, 124, 125, 126, 127, 65_535, 65_536, 65_537)

contents = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(lambda text: (text.encode(), True)),
    st.binary(max_size=40).map(lambda data: (data, False)),
    st.tuples(st.sampled_from(LENGTHS).map(lambda length: b"x" * length), st.booleans()),
)


def sent(data: bytes, text: bool) -> bytes:
    """A client's frame."""
    return Frame(Opcode.TEXT if text else Opcode.BINARY, data).serialize(mask=True)


def sent_compressed(data: bytes) -> bytes:
    """A client's frame that says that it is compressed."""
    frame = sent(data, False)
    return bytes((frame[0] | 0x40,)) + frame[1:]


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def read(reader: FrameReader, data: bytes) -> list[Message]:
    """All messages that are complete with this."""
    reader.feed(data)
    messages: list[Message] = []
    while batch := reader.messages():
        messages += batch
    return messages


@given(messages=st.lists(contents, max_size=6), cuts=st.lists(st.integers(0, 500_000), max_size=6))
def test_messages_are_read_however_they_arrive(messages: list[tuple[bytes, bool]], cuts: list[int]) -> None:
    reader = FrameReader(LARGEST, None)
    stream = b"".join(sent(data, text) for data, text in messages)
    received = [message for piece in pieces(stream, cuts) for message in read(reader, piece)]
    assert received == [Message(data, text) for data, text in messages]
    assert (reader.held, reader.error, reader.library_due) == (0, None, False)


@given(messages=st.lists(contents, min_size=1, max_size=4), cuts=st.lists(st.integers(0, 300_000), max_size=4))
def test_what_was_not_read_is_held_and_is_all_that_the_library_gets(
    messages: list[tuple[bytes, bool]], cuts: list[int]
) -> None:
    reader = FrameReader(LARGEST, None)
    stream = b"".join(sent(data, text) for data, text in messages)
    for piece in pieces(stream[:-1], cuts):
        read(reader, piece)
    assert reader.held == len(sent(*messages[-1])) - 1
    rest = reader.take_rest()
    assert stream[:-1].endswith(rest)
    assert (len(rest), reader.held) == (len(sent(*messages[-1])) - 1, 0)


OTHERS = {
    "a ping": Frame(Opcode.PING, b"p").serialize(mask=True),
    "a close": Frame(Opcode.CLOSE, b"").serialize(mask=True),
    "a fragment": Frame(Opcode.TEXT, b"x", fin=False).serialize(mask=True),
    "a continuation": Frame(Opcode.CONT, b"x").serialize(mask=True),
    "a frame without a mask": Frame(Opcode.TEXT, b"x").serialize(mask=False),
    "reserved bits": b"\xa1\x81\0\0\0\0x",
    "compression that was not agreed on": b"\xc1\x81\0\0\0\0x",
    "an unknown kind": b"\x83\x81\0\0\0\0x",
    "a message that is too large": Frame(Opcode.BINARY, bytes(LARGEST + 1)).serialize(mask=True),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
@pytest.mark.parametrize("apart", [False, True], ids=["in one read", "in reads of its own"])
def test_everything_else_is_for_the_library_with_what_follows(other: bytes, apart: bool) -> None:
    reader, before, behind = FrameReader(LARGEST, None), sent(b"before", True), sent(b"behind", True)
    if apart:
        assert read(reader, before) == [Message(b"before", True)]
        assert read(reader, other + behind) == []
    else:
        assert read(reader, before + other + behind) == [Message(b"before", True)]
    assert reader.library_due
    assert reader.take_rest() == other + behind
    assert read(reader, before) == [Message(b"before", True)], "it reads on once the library has had its turn"


def test_messages_behind_what_is_large_wait_until_that_was_taken() -> None:
    reader = FrameReader(LARGEST, None)
    reader.feed(sent(bytes(BATCH), False) + sent(b"behind", True))
    assert reader.messages() == [Message(bytes(BATCH))]
    assert reader.held == len(sent(b"behind", True))
    assert reader.messages() == [Message(b"behind", True)]


def test_text_that_is_not_utf_8_is_an_error_behind_what_came_before() -> None:
    reader = FrameReader(LARGEST, None)
    assert read(reader, sent(b"before", True) + sent(b"\xc3\x28", True) + sent(b"behind", True)) == [
        Message(b"before", True)
    ]
    assert isinstance(reader.error, UnicodeDecodeError)


def test_compressed_messages_are_inflated_one_batch_at_a_time() -> None:
    inflated: list[int] = []

    def inflate(data: bytes, text: bool) -> bytes:
        inflated.append(len(data))
        return zlib.decompress(data)

    bomb = sent_compressed(zlib.compress(bytes(BATCH)))
    reader = FrameReader(LARGEST, inflate)
    reader.feed(bomb * 100 + sent(b"plain", True))
    assert reader.messages() == [Message(bytes(BATCH))]
    assert len(inflated) == 1
    for _ in range(99):
        reader.messages()
    assert reader.messages() == [Message(b"plain", True)]


def test_what_inflating_raises_is_an_error() -> None:
    reader = FrameReader(LARGEST, lambda data, text: zlib.decompress(data))
    assert read(reader, sent_compressed(b"x")) == []
    assert isinstance(reader.error, zlib.error)


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
def test_frames_are_written_as_clients_read_them(length: int, text: bool) -> None:
    client = ClientProtocol(parse_uri("ws://t/"), state=State.OPEN, max_size=None)
    client.receive_data(frame_head(text, length) + b"x" * length)
    assert client.events_received() == [Frame(Opcode.TEXT if text else Opcode.BINARY, b"x" * length)]
