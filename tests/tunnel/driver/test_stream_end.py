"""What becomes of exchanges when the stream ends, in order or not."""

from __future__ import annotations

import asyncio

import pytest

from mattermost_plugin.exchange import Body, Exchange, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.tunnel.errors import TunnelClosed
from support.patience import PATIENCE
from support.tunnel_servers import MIB, Held, echo, wait_idle
from support.tunnels import GET, POST, Connect, collect

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("how", ["lose", "hang_up"])
async def test_a_lost_stream_ends_every_exchange_once_at_both_ends(connect: Connect, how: str) -> None:
    endings = []

    async def serve(exchange: Exchange) -> None:
        try:
            await exchange.send(Response(200))
            await exchange.send(Body(b"begun"))
            await began.put(None)
            await collect(exchange)
        except ExchangeReset as reset:
            endings.append(reset.code)
            with pytest.raises(ExchangeReset):
                await exchange.send(Body(b"x"))

    began: asyncio.Queue[None] = asyncio.Queue()
    async with connect(serve) as ends:
        exchanges = [ends.gateway.open(POST) for _ in range(10)]
        for _ in exchanges:
            await began.get()
        for exchange in exchanges:
            assert isinstance(await exchange.receive(), Response)
        await (ends.lose() if how == "lose" else ends.hang_up())
        await ends.ended()
        for exchange in exchanges:
            assert await exchange.receive() == Body(b"begun")
            with pytest.raises(ExchangeReset, match="connection to the peer was lost"):
                await exchange.receive()
            with pytest.raises(ExchangeReset):
                await exchange.send(Body(b"x"))
        assert ends.gateway.in_flight == 0
        with pytest.raises(TunnelClosed, match="lost"):
            ends.gateway.open(GET)
        await wait_idle(lambda: ends.plugin.in_flight)
        await asyncio.wait_for(wait_idle(lambda: len(exchanges) - len(endings)), PATIENCE)
    assert endings == [ResetCode.CANCELLED] * 10


async def test_senders_and_readers_that_wait_are_woken_by_a_lost_stream(connect: Connect) -> None:
    async with connect(Held()) as ends:
        exchange = ends.gateway.open(POST)
        waiting = [asyncio.create_task(exchange.send(Body(bytes(MIB)))), asyncio.create_task(exchange.receive())]
        await asyncio.sleep(0)
        await ends.lose()
        await ends.ended()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [ExchangeReset, ExchangeReset]


async def test_applications_that_do_not_end_by_themselves_are_cancelled(connect: Connect) -> None:
    cancelled = asyncio.Event()
    began = asyncio.Event()

    async def serve(exchange: Exchange) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with connect(serve) as ends:
        ends.gateway.open(GET)
        await began.wait()
        await ends.lose()
        await cancelled.wait()


async def test_the_end_in_order_is_no_error(connect: Connect) -> None:
    async with connect(echo) as ends:
        await ends.hang_up()
        assert set(await ends.ended()) == {None}


async def test_the_end_in_order_meets_no_write_that_is_under_way(connect: Connect) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        await exchange.send(Body(bytes(MIB)))

    for _ in range(5):
        async with connect(serve) as ends:
            exchanges = [ends.gateway.open(GET) for _ in range(30)]
            assert isinstance(await exchanges[0].receive(), Response)
            await ends.hang_up()
            assert set(await ends.ended()) == {None}
