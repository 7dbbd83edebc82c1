"""What the plugin's end of a tunnel serves in tests, and a request to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mattermost_plugin.exchange import Accept, Body, Close, End, Exchange, PluginExchange, Response

MIB = 1024 * 1024
PIECE = 16 * 1024


async def echo(exchange: Exchange) -> None:
    """Sends back what it receives, while it receives it."""
    if exchange.request.websocket:
        await echo_messages(exchange)
        return
    await exchange.send(Response(200))
    while not isinstance(part := await exchange.receive(), End):
        await exchange.send(part)
    await exchange.send(End())


async def echo_messages(exchange: Exchange) -> None:
    """Accepts a WebSocket, and sends back its messages until it is closed."""
    await exchange.send(Accept())
    while not isinstance(part := await exchange.receive(), Close):
        await exchange.send(part)
    await exchange.send(part)


async def send_request(exchange: Exchange, body: bytes) -> None:
    """Sends a body in pieces, and the end of the request."""
    for start in range(0, len(body), PIECE):
        await exchange.send(Body(body[start : start + PIECE]))
    await exchange.send(End())


class Held:
    """Serves exchanges by doing nothing until the test lets go, and shows them to it."""

    def __init__(self, then: Callable[[Exchange], Awaitable[None]] = echo) -> None:
        self.began: asyncio.Queue[PluginExchange] = asyncio.Queue()
        self.go = asyncio.Event()
        self._then = then

    async def __call__(self, exchange: PluginExchange) -> None:
        await self.began.put(exchange)
        await self.go.wait()
        await self._then(exchange)


async def wait_idle(ends_in_flight: Callable[[], int]) -> None:
    """Waits until nothing is in flight, by this count."""
    while ends_in_flight():
        await asyncio.sleep(0.001)
