"""When what is ready leaves, and what becomes of what has not left."""

from __future__ import annotations

import asyncio

import pytest

from mattermost_plugin.exchange import Accept, Body, End, Message, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.tunnel.decoding import decode
from mattermost_plugin.tunnel.encoding import encode
from mattermost_plugin.tunnel.message_stream import Receiver
from mattermost_plugin.tunnel.multiplexer import BURST, Multiplexer, TunnelExchange
from mattermost_plugin.tunnel.parts import Addressed, Hello
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.tunnel.states import Half

pytestmark = pytest.mark.anyio

WINDOW = 65_536
ANSWER = (Response(200, []), Body(b"yes"), End())


class Recording:
    """A stream that takes every message, and keeps it; what arrives, the test hands over itself."""

    def __init__(self) -> None:
        self.messages: list[list[Addressed]] = []

    def send(self, *pieces: bytes) -> bool:
        self.messages.append(decode(b"".join(pieces)))
        return True

    def fail(self, error: Exception) -> None:
        raise error

    async def run(self, receiver: Receiver) -> None:
        return

    async def close(self, linger: float) -> None:
        return


def plugin_with(requests: int) -> tuple[Multiplexer, Recording]:
    """A plugin's multiplexer with so many requests open, numbered from 1."""
    begun: list[TunnelExchange] = []
    stream = Recording()
    multiplexer = Multiplexer(Half.PLUGIN, stream, TunnelSettings(), lambda id, exchange: begun.append(exchange))
    multiplexer.greet("test")
    receive(multiplexer, (0, Hello(WINDOW)))
    for id in range(1, requests + 1):
        receive(multiplexer, (id, Request(method="GET", target=b"/")), (id, End()))
    assert len(begun) == requests
    stream.messages.clear()
    return multiplexer, stream


def receive(multiplexer: Multiplexer, *parts: Addressed) -> None:
    """Hand over a message of the peer's."""
    message = encode(parts)
    multiplexer.receive(message, 0, len(message))


async def test_the_answer_to_the_only_request_leaves_at_once() -> None:
    multiplexer, stream = plugin_with(requests=1)
    multiplexer.post(1, ANSWER[:1])
    assert stream.messages == [], "the rest may come in the same turn"
    multiplexer.post(1, ANSWER[1:])
    assert [[type(part) for _, part in message] for message in stream.messages] == [[Response, Body, End]]


async def test_an_answer_waits_for_others_until_the_end_of_the_turn() -> None:
    multiplexer, stream = plugin_with(requests=3)
    multiplexer.post(1, ANSWER)
    multiplexer.post(2, ANSWER)
    assert stream.messages == []
    await asyncio.sleep(0)
    assert [[id for id, _ in message] for message in stream.messages] == [[1, 1, 1, 2, 2, 2]]


async def test_the_last_of_all_answers_takes_the_others_with_it() -> None:
    multiplexer, stream = plugin_with(requests=3)
    for id in (1, 2, 3):
        multiplexer.post(id, ANSWER)
    assert [[id for id, _ in message] for message in stream.messages] == [[1] * 3 + [2] * 3 + [3] * 3]


async def test_a_burst_leaves_before_the_turn_is_over() -> None:
    multiplexer, stream = plugin_with(requests=2 * BURST)
    for id in range(1, BURST + 1):
        multiplexer.post(id, ANSWER)
    assert [len(message) for message in stream.messages] == [BURST * len(ANSWER)]


async def test_when_the_stream_is_lost_a_request_of_which_nothing_was_written_is_refused() -> None:
    stream = Recording()
    multiplexer = Multiplexer(Half.GATEWAY, stream, TunnelSettings(), None)
    multiplexer.greet("test")
    receive(multiplexer, (0, Hello(WINDOW, max_exchanges=9)))
    written, begun = multiplexer.open(Request("GET", b"/"), End()), multiplexer.open(Request("POST", b"/"))
    await asyncio.sleep(0)
    unwritten = multiplexer.open(Request("GET", b"/"), End())
    assert (multiplexer.takes, multiplexer.opened) == (True, 3)
    multiplexer.fail_all("the connection was lost")
    codes = []
    for exchange in (written, begun, unwritten):
        with pytest.raises(ExchangeReset) as reset:
            await exchange.receive()
        codes.append(reset.value.code)
    assert codes == [ResetCode.CANCELLED, ResetCode.CANCELLED, ResetCode.REFUSED]
    assert (multiplexer.takes, multiplexer.in_flight) == (False, 0)


async def open_websocket() -> tuple[TunnelExchange, Multiplexer, Recording]:
    """A plugin's only exchange, whose WebSocket it has accepted."""
    begun: list[TunnelExchange] = []
    stream = Recording()
    multiplexer = Multiplexer(Half.PLUGIN, stream, TunnelSettings(), lambda id, exchange: begun.append(exchange))
    multiplexer.greet("test")
    receive(multiplexer, (0, Hello(WINDOW)), (1, Request(method="GET", target=b"/", websocket=True)))
    await begun[0].send(Accept())
    await asyncio.sleep(0)
    stream.messages.clear()
    return begun[0], multiplexer, stream


async def test_what_answers_a_message_leaves_at_once_and_what_follows_it_together() -> None:
    exchange, multiplexer, stream = await open_websocket()
    receive(multiplexer, (1, Message(b"question")))
    await exchange.receive()
    for answer in (b"first", b"second", b"third"):
        await exchange.send(Message(answer))
    assert stream.messages == [[(1, Message(b"first"))]]
    await asyncio.sleep(0)
    assert stream.messages[1:] == [[(1, Message(b"second")), (1, Message(b"third"))]]


async def test_a_message_that_answers_nothing_waits_for_others_until_the_end_of_the_turn() -> None:
    exchange, _, stream = await open_websocket()
    await exchange.send(Message(b"news"))
    assert stream.messages == []
    await asyncio.sleep(0)
    assert stream.messages == [[(1, Message(b"news"))]]


async def test_messages_that_have_come_are_received_without_a_turn_of_the_loop() -> None:
    exchange, multiplexer, _ = await open_websocket()
    receive(multiplexer, (1, Message(b"one")), (1, Message(b"two")))
    for expected in (b"one", b"two"):
        with pytest.raises(StopIteration) as received:
            exchange.receive().send(None)
        assert received.value.value == Message(expected)
