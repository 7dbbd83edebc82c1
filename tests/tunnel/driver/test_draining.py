"""Draining by either side, the limit on exchanges, and the notice before a stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mattermost_plugin.exchange import Accept, End, Exchange, PluginExchange, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.tunnel.errors import TunnelClosed
from support.tunnel_servers import Held, echo, send_request
from support.tunnels import GET, IMPATIENT, POST, WEBSOCKET, Connect, read_body

pytestmark = pytest.mark.anyio


async def test_a_plugin_that_drains_finishes_what_it_has_and_takes_nothing_new(connect: Connect) -> None:
    held = Held()
    async with connect(held) as ends:
        exchange = ends.gateway.open(POST)
        await held.began.get()
        ends.plugin.drain()
        while ends.gateway.accepting:
            await asyncio.sleep(0.001)
        with pytest.raises(TunnelClosed, match="draining"):
            ends.gateway.open(GET)
        idle = asyncio.create_task(ends.plugin.wait_idle())
        held.go.set()
        await send_request(exchange, b"to the end")
        assert not idle.done()
        assert await read_body(exchange) == b"to the end"
        await idle
        await ends.gateway.wait_idle()


async def test_a_request_that_crosses_the_drain_is_refused(connect: Connect) -> None:
    async with connect(echo) as ends:
        ends.plugin.drain()
        exchange = ends.gateway.open(POST)
        with pytest.raises(ExchangeReset) as caught:
            await exchange.receive()
        assert caught.value.code is ResetCode.REFUSED


async def test_a_gateway_that_drains_opens_nothing_and_finishes_the_rest(connect: Connect) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        ends.gateway.drain()
        assert not ends.gateway.accepting
        with pytest.raises(TunnelClosed, match="draining"):
            ends.gateway.open(GET)
        await send_request(exchange, b"x")
        assert await read_body(exchange) == b"x"
        await ends.gateway.wait_idle()


async def test_exchanges_beyond_the_plugins_limit_are_not_opened(connect: Connect) -> None:
    async with connect(Held(), plugin_settings=replace(IMPATIENT, max_exchanges=2)) as ends:
        ends.gateway.open(GET)
        ends.gateway.open(GET)
        with pytest.raises(TunnelClosed, match="2 exchanges open"):
            ends.gateway.open(GET)


async def test_work_that_outlasts_its_exchange_counts_against_the_plugins_limit(connect: Connect) -> None:
    held = Held()
    settings = replace(IMPATIENT, max_exchanges=2)
    async with connect(held, plugin_settings=settings) as ends:
        for _ in range(2):
            exchange = ends.gateway.open(GET)
            await held.began.get()
            exchange.reset(ResetCode.CANCELLED)
        await ends.gateway.wait_idle()
        with pytest.raises(ExchangeReset) as refused:
            await ends.gateway.open(GET).receive()
        assert refused.value.code is ResetCode.REFUSED
        assert held.began.empty()
        held.go.set()
        await asyncio.wait(ends.plugin.tasks)
        exchange = ends.gateway.open(POST)
        await send_request(exchange, b"x")
        assert await read_body(exchange) == b"x"


@pytest.mark.parametrize("head", [Response(200), Accept()])
async def test_a_stream_that_waits_without_sending_is_cancelled_once_its_client_has_left(
    connect: Connect, head: Response | Accept
) -> None:
    ended: asyncio.Queue[str] = asyncio.Queue()

    async def wait_for_an_event(exchange: Exchange) -> None:
        await exchange.send(head)
        try:
            await asyncio.Event().wait()
        finally:
            ended.put_nowait("generator")

    async with connect(wait_for_an_event, plugin_settings=replace(IMPATIENT, orphan_timeout=0.01)) as ends:
        for _ in range(20):
            exchange = ends.gateway.open(WEBSOCKET if isinstance(head, Accept) else GET)
            assert isinstance(await exchange.receive(), type(head))
            exchange.reset(ResetCode.CANCELLED, "the client went away")
            await ended.get()
        assert (ends.gateway.in_flight, ends.plugin.in_flight) == (0, 0)
        if tasks := ends.plugin.tasks:
            await asyncio.wait(tasks)
        assert ends.plugin.tasks == []


@pytest.mark.parametrize("parts", [(), (Response(200), End())], ids=["before", "after"])
async def test_work_before_and_after_a_response_goes_on_when_the_client_leaves(
    connect: Connect, parts: tuple[Response | End, ...]
) -> None:
    held, done = asyncio.Event(), asyncio.Event()
    began = asyncio.Event()

    async def work(exchange: Exchange) -> None:
        if exchange.request.method == "POST":
            await exchange.send(Response(200))
            began.set()
            await asyncio.Event().wait()
        await exchange.send(*parts)
        began.set()
        await held.wait()
        done.set()

    async with connect(work, plugin_settings=replace(IMPATIENT, orphan_timeout=0.01)) as ends:
        first = ends.gateway.open(GET)
        await began.wait()
        first.reset(ResetCode.CANCELLED)
        began.clear()
        later = ends.gateway.open(POST)  # is abandoned after the first, and cancelled: so the first's time is over
        await later.receive()
        later.reset(ResetCode.CANCELLED)
        while len(ends.plugin.tasks) > 1:
            await asyncio.wait(ends.plugin.tasks, return_when=asyncio.FIRST_COMPLETED)
        held.set()
        await done.wait()


@pytest.mark.parametrize("drained_first", [True, False])
async def test_a_plugin_that_drains_does_not_wait_for_streams_that_nobody_takes(
    connect: Connect, drained_first: bool
) -> None:
    ended = asyncio.Event()

    async def wait_for_an_event(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        with pytest.raises(ExchangeReset):
            while not isinstance(await exchange.receive(), End):
                pass
            await exchange.receive()
        left.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    left = asyncio.Event()
    async with connect(wait_for_an_event, plugin_settings=replace(IMPATIENT, orphan_timeout=3600)) as ends:
        exchange = ends.gateway.open(GET)
        await exchange.receive()
        if drained_first:
            ends.plugin.drain()
        exchange.reset(ResetCode.CANCELLED)
        await left.wait()
        ends.plugin.drain()
        await ended.wait()


async def test_a_gateway_that_is_about_to_stop_says_so_and_goes_on(connect: Connect) -> None:
    held = Held()
    async with connect(held) as ends:
        first = ends.gateway.open(POST)
        served = await held.began.get()
        assert not served.stopping.is_set()
        ends.gateway.announce_drain()
        await served.stopping.wait()
        held.go.set()
        second = ends.gateway.open(POST)
        for exchange in (first, second):
            await send_request(exchange, b"x")
            assert await read_body(exchange) == b"x"


async def test_what_has_no_end_by_itself_is_told_of_the_stop_and_all_else_is_not(connect: Connect) -> None:
    """One that waits for a disconnect gets it; one that reads its request reads on."""
    waits: list[asyncio.Task[object]] = []

    async def serve(exchange: PluginExchange) -> None:
        await exchange.send(Response(200))
        assert isinstance(await exchange.receive(), End)
        if exchange.request.target == b"/endless":
            exchange.end_receive_at_stop()
        waits.append(asyncio.create_task(exchange.receive()))
        await asyncio.wait(waits[-1:])
        exchange.reset(ResetCode.CANCELLED)

    async with connect(serve) as ends:
        for target in (b"/endless", b"/other"):
            exchange = ends.gateway.open(Request("GET", target))
            await exchange.send(End())
            assert isinstance(await exchange.receive(), Response)
        while len(waits) < 2:
            await asyncio.sleep(0)
        ends.gateway.announce_drain()
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        assert [task.done() for task in waits] == [True, False]
        assert isinstance(waits[0].exception(), ExchangeReset)
        exchange.reset(ResetCode.CANCELLED)
        await asyncio.wait(waits)
        assert isinstance(waits[1].exception(), ExchangeReset)
