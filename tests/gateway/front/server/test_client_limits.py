"""What one client address, and one slow body, may take of the server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mattermost_plugin.types import Receive, Scope, Send
from servehttp.figures import Figures
from servehttp.front.client_connections import ClientConnections
from servehttp.front.ledger import NOBODY, REFUSALS
from support.front_server import SECONDS, Client, Recorder, Running, eventually, serving

pytestmark = pytest.mark.anyio

HANDSHAKE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + b"a" * 22
ENDED = b"==\r\n"


def test_addresses_are_counted_apart_and_forgotten_when_they_have_gone() -> None:
    clients = ClientConnections(2)
    assert [clients.enter("a"), clients.enter("a"), clients.enter("a"), clients.enter("b")] == [True, True, False, True]
    clients.leave("a")
    assert clients.enter("a")
    assert all(clients.enter("") for _ in range(10))
    for address in ("a", "a", "b"):
        clients.leave(address)
    for _ in range(10):
        clients.leave("")
    assert not clients._open


async def answered(client: Client) -> int:
    client.get()
    return (await client.answer()).status


async def test_one_address_has_so_many_connections_and_websockets_are_of_them(parser: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
        else:
            await Recorder()(scope, receive, send)

    async with serving(app, parser, max_connections_per_client=2) as running:
        first, websocket = await running.connect(), await running.connect()
        assert await answered(first) == 200
        websocket.get(b"/", HANDSHAKE + ENDED)
        await websocket.until(b"\r\n\r\n")
        third = await running.connect()
        refused = await third.answer()
        assert (refused.status, refused.header(b"retry-after")) == (429, b"1")
        assert refused.message == "too many connections are open from this address"
        assert counted(running, "429") == 1
        await websocket.close()
        await eventually(lambda: len(running.connections) == 1)
        assert await answered(await running.connect()) == 200
        running.server.change(running.settings.model_copy(update={"limits": type(running.settings.limits)()}))
        assert [await answered(await running.connect()) for _ in range(3)] == [200, 200, 200]


def counted(running: Running, status: str) -> float:
    """How many refusals with this status were counted."""
    make: Any = running.server.config.http_protocol_class
    figures: Figures = make.keywords["figures"]
    return figures.family(REFUSALS)[NOBODY, status][0]


async def test_a_body_that_comes_too_slowly_is_a_408_after_its_grace(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser, body_min_rate=1_000_000, body_grace=0.2) as running:
        client = await running.connect()
        client.post(b"Content-Length: 1000\r\n", b"abc")

        async def drip() -> None:
            while True:
                client.send(b"d")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        answer = await client.answer()
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        assert (answer.status, answer.message) == (408, "the request body arrives too slowly")
        await asyncio.wait_for(app.disconnected.wait(), SECONDS)


async def test_an_application_that_does_not_read_is_not_held_against_a_body(parser: str) -> None:
    size = 4 * 2**20

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1)
        await Recorder()(scope, receive, send)

    async with serving(app, parser, body_min_rate=1_000, body_grace=0.5) as running:
        client = await running.connect(limit=2 * size)
        client.post(b"Content-Length: %d\r\n" % size, bytes(size))
        assert len((await client.answer()).body) == size
