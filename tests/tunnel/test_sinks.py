"""Exchanges whose parts are handed to a sink in the turn in which they arrive.

As plain Python alone: no class that is interpreted can be a sink of the compiled tunnel.
"""

from __future__ import annotations

import pytest

from mattermost_plugin.exchange import Accept, Body, Close, End, Message, Part, Request, Reset, ResetCode, Response
from mattermost_plugin.sink import Sink
from mattermost_plugin.tunnel.decoding import decode
from mattermost_plugin.tunnel.encoding import encode
from mattermost_plugin.tunnel.message_stream import Receiver
from mattermost_plugin.tunnel.multiplexer import Multiplexer, TunnelExchange
from mattermost_plugin.tunnel.parts import Addressed, Credit, Hello, TunnelPart
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import PIECE_OVERHEAD
from servehttp.build import is_compiled

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(is_compiled(), reason="the sinks of these tests are interpreted")]

WINDOW = 65_536
PIECE = bytes(30_000)
"""More than a third of the window: two of them make credit due."""
GET = Request("GET", b"/")
HANDSHAKE = Request("GET", b"/", websocket=True)
ACCEPT = Accept([])


class Recording:
    """A stream that takes every message, and keeps its parts."""

    def __init__(self) -> None:
        self.parts: list[TunnelPart] = []

    def send(self, *pieces: bytes) -> bool:
        self.parts += [part for _, part in decode(b"".join(pieces))]
        return True

    def fail(self, error: Exception) -> None:
        raise error

    async def run(self, receiver: Receiver) -> None:
        return

    async def close(self, linger: float) -> None:
        return


class Taker(Sink):
    """Keeps what it is given, and takes more of it while `ready`."""

    def __init__(self) -> None:
        self.ready = True
        self.parts: list[Part] = []
        self.end: Reset | None = None
        self.rooms = 0

    def take(self, part: Part) -> bool:
        self.parts.append(part)
        return self.ready

    def flush(self) -> None: ...

    def written(self) -> None:
        self.rooms += 1

    def ended(self, reset: Reset) -> None:
        self.end = reset


class Scene:
    """A gateway's exchange with a sink, whose peer is the test."""

    def __init__(self, request: Request, *parts: Part, **limits: int) -> None:
        self.stream, self.sink = Recording(), Taker()
        self.multiplexer = Multiplexer(Half.GATEWAY, self.stream, TunnelSettings(**limits), None)
        self.multiplexer.greet("test")
        self._receive((0, Hello(WINDOW, max_exchanges=9)))
        self.exchange: TunnelExchange = self.multiplexer.open(request, *parts)
        self.exchange.subscribe(self.sink)
        self.multiplexer.resume()
        self.stream.parts.clear()

    def peer_sends(self, *parts: TunnelPart) -> None:
        for part in parts:
            self._receive((1, part))

    def _receive(self, part: Addressed) -> None:
        message = encode([part])
        self.multiplexer.receive(message, 0, len(message))

    def returned(self) -> list[int]:
        """The credit that was given back until now."""
        self.multiplexer.resume()
        return [part.amount for part in self.stream.parts if isinstance(part, Credit)]


async def test_a_sink_that_keeps_up_returns_credit_as_soon_as_half_of_the_window_is_free() -> None:
    scene = Scene(HANDSHAKE)
    scene.peer_sends(ACCEPT, Message(PIECE), Message(PIECE))
    assert len(scene.returned()) == 1
    assert scene.sink.parts == [ACCEPT, Message(PIECE), Message(PIECE)]


@pytest.mark.parametrize("more", [False, True], ids=["messages", "pieces of one"])
async def test_a_sink_that_does_not_keep_up_holds_the_credit_of_messages_and_pieces(more: bool) -> None:
    scene = Scene(HANDSHAKE)
    scene.peer_sends(ACCEPT)
    scene.sink.ready = False
    scene.peer_sends(Message(b"first"), Message(PIECE, more=more), Message(PIECE, more=more))
    assert scene.returned() == []
    scene.exchange.return_credit()
    assert sum(scene.returned()) >= 2 * (len(PIECE) + PIECE_OVERHEAD)


async def test_pieces_are_put_together_before_a_sink_sees_them_and_need_no_more_than_a_window() -> None:
    scene = Scene(HANDSHAKE)
    scene.peer_sends(ACCEPT, *[Message(PIECE, text=True, more=True)] * 9, Message(PIECE, text=True))
    assert scene.sink.parts[1:] == [Message(PIECE * 10, text=True)]
    assert sum(scene.returned()) >= 10 * len(PIECE) - WINDOW


async def test_a_message_that_grows_beyond_the_limit_ends_the_exchange_of_a_sink() -> None:
    scene = Scene(HANDSHAKE, max_websocket_message=2 * len(PIECE))
    scene.peer_sends(ACCEPT, *[Message(PIECE, more=True)] * 3)
    assert scene.sink.end is not None
    assert scene.sink.end.code is ResetCode.LIMIT
    assert scene.sink.parts == [ACCEPT]


@pytest.mark.parametrize(
    ("request_", "sent", "received"),
    [
        (GET, [End()], [Response(200), Body(PIECE), End()]),
        (HANDSHAKE, [], [ACCEPT, Message(PIECE), Close()]),
    ],
    ids=["HTTP", "WebSocket"],
)
async def test_an_exchange_whose_sink_leaves_with_credit_is_forgotten(
    request_: Request, sent: list[Part], received: list[Part]
) -> None:
    scene = Scene(request_, *sent)
    scene.sink.ready = False
    scene.peer_sends(*received)
    if request_.websocket:
        scene.exchange.post(Close())
    scene.exchange.unsubscribe()
    scene.multiplexer.resume()
    assert scene.multiplexer.in_flight == 0


async def test_what_is_posted_together_leaves_together_and_at_once() -> None:
    scene = Scene(HANDSHAKE)
    scene.peer_sends(ACCEPT)
    assert not scene.exchange.post(Message(b"one"), Message(b"two"))
    assert scene.stream.parts == [Message(b"one"), Message(b"two")]


async def test_a_sink_is_told_when_there_is_room_again() -> None:
    scene = Scene(HANDSHAKE)
    scene.peer_sends(ACCEPT)
    assert scene.exchange.post(Message(bytes(3 * WINDOW)))
    assert scene.sink.rooms == 0
    scene.peer_sends(Credit(2 * WINDOW))
    scene.multiplexer.resume()
    assert scene.sink.rooms == 1
