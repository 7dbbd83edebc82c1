"""What an application receives of one exchange's request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Body, End, Headers, Informational, Request, ResetCode, Response
from mattermost_plugin.types import Event, Receive, Scope, Send
from support.asgi_events import START, body, sending, settled, start
from support.exchanges import FakeExchange, get, serve

pytestmark = pytest.mark.anyio


# The request


async def received(*parts: Any, headers: Headers = (), count: int) -> tuple[list[Event], FakeExchange]:
    """What an application receives that asks `count` times and then answers."""
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(count):
            events.append(await receive())
        await sending(START, body())(scope, receive, send)

    return events, await serve(app, Request("POST", b"/", headers=headers), *parts)


async def test_a_body_arrives_piece_by_piece() -> None:
    events, _ = await received(Body(b"one"), Body(b"two"), End(), count=3)
    assert events == [
        {"type": "http.request", "body": b"one", "more_body": True},
        {"type": "http.request", "body": b"two", "more_body": True},
        {"type": "http.request", "body": b"", "more_body": False},
    ]


async def test_a_request_without_a_body_is_one_empty_event() -> None:
    events, _ = await received(End(), count=1)
    assert events == [{"type": "http.request", "body": b"", "more_body": False}]


async def test_receiving_after_the_whole_request_waits_for_the_client_to_leave() -> None:
    events: asyncio.Queue[Event] = asyncio.Queue()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(3):
            await events.put(await receive())

    exchange = FakeExchange(Request("POST", b"/"), [End()])
    running = asyncio.create_task(ASGIAdapter(app).serve(exchange))
    assert (await events.get())["type"] == "http.request"
    await settled()
    assert events.empty()
    exchange.leave()
    assert await events.get() == await events.get() == {"type": "http.disconnect"}
    await running


async def test_a_truncated_request_is_a_disconnect_and_never_an_end() -> None:
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        events.append(await receive())
        events.append(await receive())

    exchange = FakeExchange(Request("POST", b"/"), [Body(b"half")])
    exchange.leave()
    await ASGIAdapter(app).serve(exchange)
    assert events == [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]
    assert exchange.sent == []


async def test_receiving_after_the_response_is_a_disconnect() -> None:
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(START, body())(scope, receive, send)
        events.append(await receive())

    exchange = await get(app)
    assert events == [{"type": "http.disconnect"}]
    assert exchange.ended


async def test_a_receive_that_waits_is_woken_by_the_end_of_the_response() -> None:
    """Whoever listens for a disconnect beside the response must not wait for ever."""
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        listening = asyncio.ensure_future(receive())
        await settled()
        await sending(START, body())(scope, receive, send)
        events.append(await listening)

    exchange = await get(app)
    assert events == [{"type": "http.disconnect"}]
    assert exchange.ended


async def test_an_answer_before_the_request_ended_stops_the_request_at_once() -> None:
    background = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(start(413), body())(scope, receive, send)
        await background.wait()

    exchange = FakeExchange(Request("POST", b"/"), [Body(b"x")])
    running = asyncio.create_task(ASGIAdapter(app).serve(exchange))
    await exchange.wait_sent(2)
    await settled()
    assert [reset.code for reset in exchange.resets] == [ResetCode.NO_ERROR]
    background.set()
    await running
    assert len(exchange.resets) == 1


# Expect: 100-continue


EXPECTS: Headers = [(b"expect", b"100-Continue")]


async def test_the_body_that_awaits_a_continue_is_asked_for_when_the_application_receives() -> None:
    events, exchange = await received(Body(b"x"), End(), headers=EXPECTS, count=2)
    assert [event["body"] for event in events] == [b"x", b""]
    assert exchange.sent == [Informational(100), Response(200, []), End()]


async def test_nothing_asks_for_a_body_that_the_application_does_not_read() -> None:
    exchange = await serve(sending(start(401), body()), Request("POST", b"/", headers=EXPECTS))
    assert exchange.sent == [Response(401, []), End()]


async def test_the_response_head_takes_the_place_of_a_continue() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        assert (await receive())["body"] == b"x"
        await send(body())

    exchange = await serve(app, Request("POST", b"/", headers=EXPECTS), Body(b"x"), End())
    assert exchange.sent == [Response(200, []), End()]


async def test_without_the_expectation_there_is_no_continue() -> None:
    _, exchange = await received(Body(b"x"), End(), count=2)
    assert exchange.sent == [Response(200, []), End()]
