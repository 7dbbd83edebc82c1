"""The client leaves: what the application is told, and what the log says."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request as StarletteRequest
from starlette.responses import StreamingResponse

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Body, End, Request, Reset, ResetCode
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.types import Receive, Scope, Send
from support.asgi_events import START, body, settled
from support.exchanges import FakeExchange
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


class Leaving:
    """An application in the middle of a response, and what it learns when the client leaves."""

    def __init__(self, exchange: FakeExchange) -> None:
        self.exchange = exchange
        self.learned: list[BaseException] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        self.exchange.stall()
        for _ in range(3):
            try:
                await send(body(b"x", True))
            except OSError as error:
                self.learned.append(error)


async def test_a_send_that_waits_raises_when_the_client_leaves_and_so_do_all_later_ones() -> None:
    exchange = FakeExchange(Request("GET", b"/"), [End()])
    app = Leaving(exchange)
    running = asyncio.create_task(ASGIAdapter(app).serve(exchange))
    await exchange.wait_sent(1)
    await settled()
    assert not running.done()
    exchange.leave()
    await running
    assert len(app.learned) == 3
    assert all(isinstance(error, OSError) for error in app.learned)


async def test_an_application_that_ends_because_the_client_left_leaves_no_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        exchange.leave()
        await send(body(b"x", True))

    exchange = FakeExchange(Request("GET", b"/"), [End()])
    with caplog.at_level(logging.INFO):
        await ASGIAdapter(app).serve(exchange)
    assert caplog.records == []
    assert exchange.resets == []


async def test_an_application_that_returns_after_a_disconnect_leaves_no_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    exchange = FakeExchange(Request("POST", b"/"))
    exchange.leave()
    await ASGIAdapter(app).serve(exchange)
    assert caplog.records == []
    assert exchange.sent == []


async def test_an_error_of_the_applications_own_is_logged_though_the_client_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise KeyError("a bug")

    exchange = FakeExchange(Request("POST", b"/"))
    exchange.leave()
    await ASGIAdapter(app).serve(exchange)
    assert "a bug" in caplog.text


async def streamed(caplog: pytest.LogCaptureFixture, leave_at: str) -> None:
    """A Starlette StreamingResponse whose client leaves, while a piece is made or while it waits to be sent."""
    ended = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            for number in range(1000):
                yield b"%d" % number
                if leave_at == "a piece":
                    exchange.leave()
        finally:
            ended.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(pieces())(scope, receive, send)

    exchange = FakeExchange(Request("GET", b"/"), [End()])
    running = asyncio.create_task(ASGIAdapter(app).serve(exchange))
    if leave_at == "a send":
        await exchange.wait_sent(3)
        exchange.stall()
        await settled()
        exchange.leave()
    async with asyncio.timeout(PATIENCE):
        await running
        await ended.wait()
    assert caplog.records == []


@pytest.mark.parametrize("leave_at", ["a piece", "a send"])
async def test_a_streaming_response_stops_without_a_trace(caplog: pytest.LogCaptureFixture, leave_at: str) -> None:
    with caplog.at_level(logging.INFO):
        await streamed(caplog, leave_at)


async def test_starlette_learns_of_a_truncated_upload() -> None:
    outcome: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = StarletteRequest(scope, receive, send)
        try:
            await request.body()
        except Exception as error:
            outcome.append(type(error).__name__)

    exchange = FakeExchange(Request("POST", b"/"), [Body(b"half")])
    exchange.leave()
    await ASGIAdapter(app).serve(exchange)
    assert outcome == ["ClientDisconnect"]


async def test_a_response_that_waits_holds_the_application_back() -> None:
    sent = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(START)
        for _ in range(10):
            await send(body(b"x", True))
            sent += 1
        await send(body())

    exchange = FakeExchange(Request("GET", b"/"), [End()])
    exchange.stall()
    running = asyncio.create_task(ASGIAdapter(app).serve(exchange))
    await settled()
    assert sent == 0
    exchange.resume()
    await running
    assert exchange.ended


def test_a_reset_says_why() -> None:
    assert str(ExchangeReset(ResetCode.TIMEOUT)) == "timeout"
    error = ExchangeReset(ResetCode.LIMIT, "too much")
    assert str(error) == "limit: too much"
    assert isinstance(error, OSError)
    assert (error.code, error.reason) == (ResetCode.LIMIT, "too much")
    assert Reset(ResetCode.LIMIT, "too much") != Reset(ResetCode.LIMIT)


async def test_an_error_is_nobody_elses_while_its_answer_waits() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("an application's")

    exchange = FakeExchange(Request("GET", b"/"), [End()])
    exchange.stall()
    serving = asyncio.create_task(ASGIAdapter(fail).serve(exchange))
    await settled()
    assert exchange.sent == []
    assert sys.exc_info() == (None, None, None)
    exchange.resume()
    await serving
    assert exchange.status == 500
