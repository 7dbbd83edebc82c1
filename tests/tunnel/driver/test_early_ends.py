"""Exchanges that end before their time, and what is left of them."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Body, End, Exchange, Message, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.tunnel.errors import LocalProtocolError
from mattermost_plugin.tunnel.windows import FIRST_WINDOW
from mattermost_plugin.types import Receive, Scope, Send
from support.tunnel_servers import MIB, Held, echo, send_request, wait_idle
from support.tunnels import GET, POST, Connect, collect, read_body

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("code", [ResetCode.CANCELLED, ResetCode.TIMEOUT])
async def test_the_application_learns_that_the_client_has_gone(connect: Connect, code: ResetCode) -> None:
    learned: asyncio.Future[ExchangeReset] = asyncio.get_running_loop().create_future()
    began = asyncio.Event()

    async def serve(exchange: Exchange) -> None:
        began.set()
        try:
            await collect(exchange)
        except ExchangeReset as reset:
            learned.set_result(reset)
            raise

    async with connect(serve) as ends:
        exchange = ends.gateway.open(POST)
        await exchange.send(Body(b"x"))
        await began.wait()
        exchange.reset(code, "gone")
        reset = await learned
        assert (reset.code, reset.reason) == (code, "gone")
        with pytest.raises(ExchangeReset):
            await exchange.receive()
        with pytest.raises(ExchangeReset):
            await exchange.send(Body(b"x"))
        assert ends.gateway.in_flight == 0


async def test_a_send_that_waits_ends_with_the_exchange(connect: Connect) -> None:
    waiting: asyncio.Queue[Exchange] = asyncio.Queue()
    learned: asyncio.Future[ExchangeReset] = asyncio.get_running_loop().create_future()

    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        await waiting.put(exchange)
        try:
            await exchange.send(Body(bytes(MIB)))
        except ExchangeReset as reset:
            learned.set_result(reset)
            raise

    async with connect(serve) as ends:
        exchange = ends.gateway.open(GET)
        await waiting.get()
        assert isinstance(await exchange.receive(), Response)
        exchange.reset(ResetCode.CANCELLED)
        assert (await learned).code is ResetCode.CANCELLED


async def test_a_send_that_waits_ends_when_its_own_side_resets(connect: Connect) -> None:
    async with connect(Held()) as ends:
        exchange = ends.gateway.open(POST)
        sending = asyncio.create_task(exchange.send(Body(bytes(MIB))))
        await asyncio.sleep(0)
        exchange.reset(ResetCode.TIMEOUT)
        with pytest.raises(ExchangeReset):
            await sending


async def test_what_came_before_a_reset_is_read_first(connect: Connect) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        await exchange.send(Body(b"half"))
        assert await exchange.receive() == End()
        exchange.reset(ResetCode.INTERNAL, "it broke")

    async with connect(serve) as ends:
        exchange = ends.gateway.open(GET)
        assert isinstance(await exchange.receive(), Response)
        await exchange.send(End())
        await wait_idle(lambda: ends.gateway.in_flight)
        assert await exchange.receive() == Body(b"half")
        for _ in range(2):
            with pytest.raises(ExchangeReset, match="internal: it broke"):
                await exchange.receive()


async def test_an_answer_before_the_request_ended_stops_the_request(connect: Connect) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(413))
        await exchange.send(End())
        exchange.reset(ResetCode.NO_ERROR)

    async with connect(serve) as ends:
        exchange = ends.gateway.open(POST)
        with pytest.raises(ExchangeReset) as caught:
            await send_request(exchange, bytes(8 * MIB))
        assert caught.value.code is ResetCode.NO_ERROR
        assert await collect(exchange) == [Response(413, []), End()]
        await wait_idle(lambda: ends.gateway.in_flight + ends.plugin.in_flight)


async def test_a_request_that_nobody_read_leaves_nothing_behind(connect: Connect) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        await exchange.send(End())
        exchange.reset(ResetCode.NO_ERROR)

    async with connect(serve) as ends:
        for _ in range(20):
            exchange = ends.gateway.open(POST)
            await send_request(exchange, b"never read")
            assert await collect(exchange) == [Response(200, []), End()]
        await wait_idle(lambda: ends.gateway.in_flight + ends.plugin.in_flight)


async def test_a_reset_right_after_the_opening_harms_nobody(connect: Connect) -> None:
    async with connect(echo) as ends:
        ends.gateway.open(POST).reset(ResetCode.CANCELLED)
        exchange = ends.gateway.open(POST)
        await send_request(exchange, b"x")
        assert await read_body(exchange) == b"x"


async def test_a_failing_server_costs_its_exchange_only(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    async def serve(exchange: Exchange) -> None:
        if exchange.request.target == b"/bad":
            raise RuntimeError("a bug")
        await echo(exchange)

    async with connect(serve) as ends:
        bad, good = ends.gateway.open(Request("GET", b"/bad")), ends.gateway.open(POST)
        with pytest.raises(ExchangeReset) as caught:
            await bad.receive()
        assert caught.value.code is ResetCode.INTERNAL
        assert "a bug" not in caught.value.reason
        await send_request(good, b"fine")
        assert await read_body(good) == b"fine"
    assert "RuntimeError: a bug" in caplog.text


async def test_a_part_that_is_not_allowed_is_the_callers_mistake(connect: Connect) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        with pytest.raises(LocalProtocolError, match="Message from the gateway in state body"):
            await exchange.send(Message(b"x"))
        await send_request(exchange, b"still fine")
        assert await read_body(exchange) == b"still fine"


async def test_a_receive_that_was_cancelled_loses_nothing(connect: Connect) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        assert isinstance(await exchange.receive(), Response)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await exchange.receive()
        await send_request(exchange, b"later")
        assert await read_body(exchange) == b"later"


async def test_what_was_sent_before_the_task_was_cancelled_arrives(connect: Connect) -> None:
    body = bytes(FIRST_WINDOW + 1000)
    cancelled = asyncio.Event()

    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200), Body(body), End())
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        cancelled.set()
        await asyncio.sleep(0)

    async with connect(serve) as ends:
        exchange = ends.gateway.open(POST)
        await cancelled.wait()
        if tasks := ends.plugin.tasks:
            await asyncio.wait(tasks)
        assert await read_body(exchange) == body


async def test_an_application_that_gave_up_its_last_send_leaves_no_exchange(connect: Connect) -> None:
    """The response is complete, though nobody waited for that, and the request is not read."""
    given_up = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await send({"type": "http.response.body", "body": bytes(MIB)})
        given_up.set()

    async with connect(ASGIAdapter(app).serve) as ends:
        exchange = ends.gateway.open(POST)
        sending = asyncio.create_task(exchange.send(Body(bytes(MIB)), End()))
        await given_up.wait()
        assert await read_body(exchange) == bytes(MIB)
        await ends.gateway.wait_idle()
        await asyncio.wait([sending])
        sending.exception()
        await ends.plugin.wait_idle()
