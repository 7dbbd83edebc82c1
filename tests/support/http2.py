"""HTTP/2 as a test's peer speaks it: frames by hand, right or wrong."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from hpack import Decoder, Encoder

from mattermost_plugin.http2.frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_FRAME_SIZE,
    PREFACE,
    SETTINGS,
    WINDOW_UPDATE,
)
from mattermost_plugin.tunnel.http2 import Call

PATH = "/some.Service/Method"
REQUEST = [(":method", "POST"), (":scheme", "http"), (":path", PATH), ("content-type", "application/grpc")]
RESPONSE = [(":status", "200"), ("content-type", "application/grpc")]


class Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def fields(self) -> dict[str, str]:
        """The headers, of a block that needs no other before it."""
        return {str(name): str(value) for name, value in Decoder().decode(self.payload)}


def frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    return struct.pack(">BHBBI", len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream) + payload


GREETING = PREFACE + frame(SETTINGS)


def frames(data: bytes | Iterable[bytes]) -> list[Frame]:
    """Reads whole frames; a preface before them is skipped."""
    data = data if isinstance(data, bytes) else b"".join(data)
    data = data.removeprefix(PREFACE)
    read = []
    while data:
        high, low, kind, flags, stream = struct.unpack(">BHBBI", data[:9])
        size = (high << 16) + low
        assert len(data) >= 9 + size, "half a frame"
        read.append(Frame(kind, flags, stream, data[9 : 9 + size]))
        data = data[9 + size :]
    return read


def block(fields: Iterable[tuple[str, str]]) -> bytes:
    return bytes(Encoder().encode([(name, value, True) for name, value in fields]))


def headers(fields: Iterable[tuple[str, str]], *, end: bool = False, stream: int = 1) -> bytes:
    return frame(HEADERS, block(fields), END_HEADERS | (END_STREAM if end else 0), stream)


def settings(*, window: int | None = None, frame_size: int | None = None) -> bytes:
    values = [(INITIAL_WINDOW_SIZE, window), (MAX_FRAME_SIZE, frame_size)]
    return frame(SETTINGS, b"".join(struct.pack(">HI", key, value) for key, value in values if value is not None))


def window_update(increment: int, stream: int) -> bytes:
    return frame(WINDOW_UPDATE, struct.pack(">I", increment), stream=stream)


def prefixed(message: bytes) -> bytes:
    """A message as gRPC puts it into data."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def data(payload: bytes, flags: int = 0, stream: int = 1) -> bytes:
    return frame(DATA, payload, flags, stream)


def called_server(opening: bytes = b"") -> Call:
    """A server's end that was called, with its own opening taken away."""
    server = Call(client=False)
    server.start()
    assert server.receive(PREFACE + frame(SETTINGS) + opening + headers(REQUEST)) == []
    server.accept()
    server.take_output()
    return server


def answered_client(opening: bytes = b"") -> Call:
    """A client's end whose call was accepted, with its own opening taken away."""
    client = Call(client=True)
    client.start(PATH)
    assert client.receive(frame(SETTINGS) + opening + headers(RESPONSE)) == []
    client.take_output()
    return client


def is_acknowledgement(frame: Frame) -> bool:
    return frame.kind == SETTINGS and bool(frame.flags & ACK)


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
