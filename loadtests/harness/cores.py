"""Both ends of a tunnel without I/O: two cores, and what passes between them, as bytes or as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mattermost_plugin.exchange import Body, End, Request, Response
from mattermost_plugin.tunnel.connection import Connection
from mattermost_plugin.tunnel.decoding import decode
from mattermost_plugin.tunnel.encoding import encode
from mattermost_plugin.tunnel.parts import Addressed, Hello
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import FIRST_WINDOW, cost

MAX_EXCHANGES = 16_384

REQUEST = Request(
    "GET",
    b"/plugins/com.example.bench/json",
    len(b"/plugins/com.example.bench"),
    [
        (b"host", b"127.0.0.1:8065"),
        (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        (b"accept", b"application/json"),
        (b"accept-encoding", b"gzip, deflate, br, zstd"),
    ],
    client=("127.0.0.1", 54321),
    server=("127.0.0.1", 8065),
)
RESPONSE = Response(200, [(b"content-length", b"17"), (b"content-type", b"application/json")])
BODY = Body(b'{"hello":"world"}')
END = End()

Wire = Callable[[Sequence[Addressed]], Sequence[Addressed]]
"""What a message becomes on its way."""


def as_bytes(message: Sequence[Addressed]) -> Sequence[Addressed]:
    """The message after it was encoded, and decoded at the other end."""
    return decode(encode(message))


def as_it_is(message: Sequence[Addressed]) -> Sequence[Addressed]:
    """A message as it is, without the codec."""
    return message


@dataclass(frozen=True, slots=True)
class Cores:
    """A gateway's and a plugin's core that have greeted each other."""

    gateway: Connection = field(default_factory=lambda: Connection(Half.GATEWAY))
    plugin: Connection = field(default_factory=lambda: Connection(Half.PLUGIN, max_exchanges=MAX_EXCHANGES))

    def __post_init__(self) -> None:
        self.plugin.receive_hello(Hello(FIRST_WINDOW))
        self.gateway.receive_hello(Hello(FIRST_WINDOW, MAX_EXCHANGES))


def pass_on(sender: Connection, receiver: Connection, wire: Wire) -> None:
    """All that one side has ready, to the other."""
    while message := sender.next_message():
        for id, part in wire(message):
            receiver.receive(id, part)


def request(cores: Cores, wire: Wire) -> None:
    """One exchange from its request to its end."""
    id = cores.gateway.open(REQUEST, (END,))
    pass_on(cores.gateway, cores.plugin, wire)
    cores.plugin.send(id, (RESPONSE, BODY, END))
    pass_on(cores.plugin, cores.gateway, wire)
    cores.gateway.consume(id, cost(BODY.data))
    cores.plugin.take_forgotten()
    cores.gateway.take_forgotten()


def hold(cores: Cores, wire: Wire) -> int:
    """An exchange that stays open with its response begun, as a stream of events does; returns its number."""
    id = cores.gateway.open(REQUEST, (END,))
    pass_on(cores.gateway, cores.plugin, wire)
    cores.plugin.send(id, (RESPONSE,))
    send_piece(cores, id, BODY, wire)
    return id


def send_piece(cores: Cores, id: int, piece: Body, wire: Wire) -> None:
    """A piece of a response's body, consumed by the gateway; credit that this makes due goes back."""
    cores.plugin.send(id, (piece,))
    pass_on(cores.plugin, cores.gateway, wire)
    cores.gateway.consume(id, cost(piece.data))
    pass_on(cores.gateway, cores.plugin, wire)
