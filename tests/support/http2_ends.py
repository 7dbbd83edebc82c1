"""Both roles of our HTTP/2 in a test's hands, and the `h2` package as the peer of either."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events

from mattermost_plugin.http2.client import ClientConnection
from mattermost_plugin.http2.connection import Connection
from mattermost_plugin.http2.events import (
    CallEnded,
    CallReceived,
    Event,
    MessageReceived,
    MessagesEnded,
    ResponseReceived,
)
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.messages import PREFIX_SIZE
from mattermost_plugin.http2.server import ServerConnection
from mattermost_plugin.http2.streams import Stream
from support.http2 import PATH, cut, prefixed

REQUEST = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", PATH),
    (":authority", "localhost"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
]
RESPONSE = [(":status", "200"), ("content-type", "application/grpc")]
MANY = 100
"""Passes between two ends after which nothing can be left to say."""


@dataclass
class Seen:
    """What one end was told of a call."""

    path: str = ""
    timeout: float | None = None
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    complete: bool = False
    status: int | None = None
    text: str = ""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    untouched: bool = False


class End:
    """One of our ends, whose user consumes what it is told at once, unless it is told to `hold`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.seen: dict[Stream, Seen] = {}
        self.others: list[Event] = []
        self.holds = False
        self.held: list[MessageReceived] = []
        self.on_call: Callable[[Stream], None] = lambda stream: None

    def feed(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.take(self.connection.receive(piece))
            while self.connection.has_more:
                self.take(self.connection.receive(b""))

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, CallReceived):
                seen = Seen(event.path, event.timeout, list(event.fields))
                self.seen[event.stream] = seen
                self.on_call(event.stream)
            elif isinstance(event, ResponseReceived):
                self.of(event.stream).fields = list(event.fields)
            elif isinstance(event, MessageReceived):
                self.of(event.stream).messages.append(event.data)
                self.held.append(event)
                if not self.holds:
                    self.consume()
            elif isinstance(event, MessagesEnded):
                self.of(event.stream).complete = True
            elif isinstance(event, CallEnded):
                seen = self.of(event.stream)
                assert seen.status is None, "a call ends once"
                seen.status, seen.text, seen.trailers = event.status, event.text, list(event.fields)
                seen.untouched = event.untouched
            else:
                self.others.append(event)

    def consume(self) -> None:
        """Consume all that was held."""
        held, self.held = self.held, []
        for event in held:
            self.connection.consume(event.stream, event.credit)

    def of(self, stream: Stream) -> Seen:
        return self.seen.setdefault(stream, Seen())

    def output(self) -> bytes:
        taken = b""
        while output := self.connection.take_output():
            taken += b"".join(output)
        self.connection.written()
        return taken


def our_client(limits: Limits | None = None) -> tuple[End, ClientConnection]:
    connection = ClientConnection(limits or Limits())
    connection.start()
    return End(connection), connection


def our_server(limits: Limits | None = None) -> tuple[End, ServerConnection]:
    connection = ServerConnection(limits or Limits())
    connection.start()
    return End(connection), connection


def h2_end(*, client: bool) -> h2.connection.H2Connection:
    """A peer."""
    peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=client, header_encoding=None))
    peer.initiate_connection()
    return peer


def pass_between(one: End, other: End, cuts: Iterable[int] = ()) -> None:
    """Everything that both have to say, until there is nothing more."""
    for _ in range(MANY):
        there, back = one.output(), other.output()
        if not (there or back):
            return
        other.feed(cut(there, cuts))
        one.feed(cut(back, cuts))
    raise AssertionError("the two never come to an end")


@dataclass
class PeerSaw:
    """What the `h2` package was told of a stream."""

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    data: bytes = b""
    frames: int = 0
    trailers: list[tuple[bytes, bytes]] | None = None
    ended: bool = False
    reset: int | None = None

    @property
    def messages(self) -> list[bytes]:
        return split(self.data)


class Peer:
    """The `h2` package at one end; it gives back credit at once, and echoes what it is sent if it is a server."""

    def __init__(self, *, client: bool, echoes: bool = False) -> None:
        self.h2 = h2_end(client=client)
        self.seen: dict[int, PeerSaw] = {}
        self.goaways: list[h2.events.ConnectionTerminated] = []
        self._echoes = echoes
        self._unsent: dict[int, bytes] = {}
        self._ending: dict[int, list[tuple[str, str]] | None] = {}

    def feed(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            for event in self.h2.receive_data(piece):
                self.take(event)
        self.pump()

    def take(self, event: object) -> None:
        if isinstance(event, h2.events.RequestReceived | h2.events.ResponseReceived):
            assert event.stream_id
            self.seen[event.stream_id] = PeerSaw([(bytes(name), bytes(value)) for name, value in event.headers or ()])
            if self._echoes:
                self.h2.send_headers(event.stream_id, RESPONSE)
        elif isinstance(event, h2.events.DataReceived):
            assert event.stream_id
            saw = self.seen[event.stream_id]
            saw.data += event.data or b""
            saw.frames += 1
            if event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if self._echoes and event.data:
                self.send(event.stream_id, event.data)
        elif isinstance(event, h2.events.TrailersReceived):
            assert event.stream_id
            self.seen[event.stream_id].trailers = [(bytes(name), bytes(value)) for name, value in event.headers or ()]
        elif isinstance(event, h2.events.StreamEnded):
            assert event.stream_id
            self.seen[event.stream_id].ended = True
            if self._echoes:
                self.end(event.stream_id, [("grpc-status", "0")])
        elif isinstance(event, h2.events.StreamReset):
            assert event.stream_id
            self.seen.setdefault(event.stream_id, PeerSaw()).reset = event.error_code
            self._unsent.pop(event.stream_id, None)
            self._ending.pop(event.stream_id, None)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaways.append(event)

    def send(self, stream: int, data: bytes) -> None:
        self._unsent[stream] = self._unsent.get(stream, b"") + data
        self.pump()

    def end(self, stream: int, trailers: list[tuple[str, str]] | None = None) -> None:
        """End this side, with trailers if there are any, after what waits."""
        self._ending[stream] = trailers
        self.pump()

    def pump(self) -> None:
        """Send what the windows let through."""
        for stream, data in list(self._unsent.items()):
            while data and (room := min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)):
                self.h2.send_data(stream, data[:room])
                data = data[room:]
            self._unsent[stream] = data
        for stream, trailers in list(self._ending.items()):
            if not self._unsent.get(stream):
                if trailers is None:
                    self.h2.end_stream(stream)
                else:
                    self.h2.send_headers(stream, trailers, end_stream=True)
                del self._ending[stream]

    def output(self) -> bytes:
        return self.h2.data_to_send()


def split(data: bytes) -> list[bytes]:
    """The messages in what is whole."""
    messages = []
    while data:
        size = int.from_bytes(data[1:PREFIX_SIZE], "big")
        messages.append(data[PREFIX_SIZE : PREFIX_SIZE + size])
        assert data[: PREFIX_SIZE + size] == prefixed(messages[-1])
        data = data[PREFIX_SIZE + size :]
    return messages


def pass_to_peer(end: End, peer: Peer, cuts: Iterable[int] = ()) -> None:
    """Everything that an end of ours and the `h2` package have to say."""
    for _ in range(MANY):
        there, back = end.output(), peer.output()
        if not (there or back):
            return
        peer.feed(cut(there, cuts))
        end.feed(cut(back, cuts))
    raise AssertionError("the two never come to an end")
