"""Senders stop when their readers do, and cost their neighbours nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mattermost_plugin.exchange import Accept, Body, Close, End, Exchange, Message, Request, Response
from mattermost_plugin.tunnel.windows import FIRST_WINDOW
from support.patience import PATIENCE
from support.tunnel_servers import MIB, PIECE, Held
from support.tunnels import GET, IMPATIENT, POST, WEBSOCKET, Connect, collect, read_body

pytestmark = pytest.mark.anyio


class Counted:
    """Sends pieces of body for ever, and counts what was taken from it."""

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, exchange: Exchange, size: int) -> None:
        while self.sent < size:
            await exchange.send(Body(bytes(PIECE)))
            self.sent += PIECE
        await exchange.send(End())

    async def stopped(self) -> int:
        """Waits until nothing more is taken; returns how much was."""
        before = -1
        while before != self.sent:
            before = self.sent
            await asyncio.sleep(0.1)
        return before


async def test_a_sender_stops_when_its_reader_does_and_goes_on_with_it(connect: Connect) -> None:
    held = Held()
    settings = replace(IMPATIENT, first_window=128 * 1024, high_water=32 * 1024)
    async with connect(held, settings) as ends:
        exchange = ends.gateway.open(POST)
        counted = Counted()
        async with asyncio.TaskGroup() as group:
            group.create_task(counted.send(exchange, 8 * MIB))
            taken = await counted.stopped()
            assert 128 * 1024 - PIECE < taken <= 128 * 1024 + 32 * 1024 + PIECE
            held.go.set()
            answer = group.create_task(read_body(exchange))
        assert len(answer.result()) == 8 * MIB


async def test_a_response_that_nobody_reads_stops_its_application(connect: Connect) -> None:
    counted = Counted()

    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        await counted.send(exchange, 8 * MIB)

    async with connect(serve) as ends:
        exchange = ends.gateway.open(GET)
        assert await counted.stopped() <= FIRST_WINDOW + ends.gateway.settings.high_water + PIECE
        assert len(await read_body(exchange)) == 8 * MIB


async def test_a_stalled_exchange_costs_its_neighbours_nothing(connect: Connect) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        for _ in range(64 if exchange.request.target == b"/stalled" else 4):
            await exchange.send(Body(bytes(PIECE)))
        await exchange.send(End())

    async def fetch() -> int:
        return len(await read_body(ends.gateway.open(GET)))

    async with connect(serve) as ends:
        stalled = ends.gateway.open(Request("GET", b"/stalled"))
        assert isinstance(await stalled.receive(), Response)
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.gather(*(fetch() for _ in range(50))) == [4 * PIECE] * 50
        assert len(await read_body(stalled)) == 64 * PIECE


async def test_a_second_sender_on_one_websocket_waits_like_the_first(connect: Connect) -> None:
    """Applications send on one WebSocket from several tasks."""

    async def serve(exchange: Exchange) -> None:
        await exchange.send(Accept())
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(exchange.send(Message(bytes([number]) * 200_000)))
        await exchange.send(Close())

    async with connect(serve) as ends:
        exchange = ends.gateway.open(WEBSOCKET)
        parts = await collect(exchange)
        assert [part.data[:1] for part in parts if isinstance(part, Message)] == [b"\0", b"\1", b"\2", b"\3"]
