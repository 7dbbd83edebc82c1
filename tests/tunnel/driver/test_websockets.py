"""WebSockets over whole tunnels."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mattermost_plugin.exchange import Accept, Close, Exchange, Message, ResetCode
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.tunnel.windows import FIRST_WINDOW
from support.tunnel_servers import MIB, echo, wait_idle
from support.tunnels import IMPATIENT, WEBSOCKET, Connect, body_of, collect

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("text", [True, False])
async def test_a_websocket_echoes_messages_of_any_size_whole(connect: Connect, text: bool) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(WEBSOCKET)
        assert await exchange.receive() == Accept([], "")
        for size in (0, 1, 5 * MIB, 3):
            sending = asyncio.create_task(exchange.send(Message(b"a" * size, text)))
            assert await exchange.receive() == Message(b"a" * size, text)
            await sending
        await exchange.send(Close(1001, "bye"))
        assert await exchange.receive() == Close(1001, "bye")
        await wait_idle(lambda: ends.gateway.in_flight + ends.plugin.in_flight)


async def test_a_message_beyond_the_limit_resets_its_websocket(connect: Connect) -> None:
    async with connect(echo, replace(IMPATIENT, max_websocket_message=100_000)) as ends:
        exchange = ends.gateway.open(WEBSOCKET)
        assert isinstance(await exchange.receive(), Accept)
        await exchange.send(Message(bytes(100_000)))
        assert await exchange.receive() == Message(bytes(100_000))
        with pytest.raises(ExchangeReset, match="more than 100000 bytes") as caught:
            await exchange.send(Message(bytes(100_001)))
            await exchange.receive()
        assert caught.value.code is ResetCode.LIMIT


async def test_a_websocket_that_nobody_reads_holds_one_message_and_a_window(connect: Connect) -> None:
    sent = 0

    async def serve(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(Accept())
        for _ in range(50):
            await exchange.send(Message(bytes(100_000)))
            sent += 1
        await exchange.send(Close())

    async with connect(serve) as ends:
        exchange = ends.gateway.open(WEBSOCKET)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        assert sent <= 3
        assert len(body_of(await collect(exchange))) == 50 * 100_000


async def test_small_messages_that_nobody_reads_are_bounded_too(connect: Connect) -> None:
    sent = 0

    async def serve(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(Accept())
        while True:
            await exchange.send(Message(b"x" * 100))
            sent += 1
            await asyncio.sleep(0)

    async with connect(serve, replace(IMPATIENT, high_water=8192)) as ends:
        ends.gateway.open(WEBSOCKET)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        assert sent <= FIRST_WINDOW // 164 + 8192 // 100 + 2
