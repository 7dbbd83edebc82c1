"""What an application sends as one exchange's response."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Body, End, Request, Response
from mattermost_plugin.types import Receive, Scope, Send
from support.asgi_events import START, body, broken, sending, start
from support.exchanges import FakeExchange, get, serve

pytestmark = pytest.mark.anyio


async def test_a_response_is_its_head_its_pieces_and_its_end() -> None:
    exchange = await get(sending(start(201, [(b"a", b"b")]), body(b"one", True), body(b"two")))
    assert exchange.sent == [Response(201, [(b"a", b"b")]), Body(b"one"), Body(b"two"), End()]
    assert exchange.resets == []


async def test_headers_keep_their_order_and_repeats_and_become_lower_case() -> None:
    headers = [[b"X-B", b"1"], (b"Set-Cookie", b"a=1"), (b"x-a", b" padded\t"), (b"set-cookie", b"b=2")]
    exchange = await get(sending(start(headers=headers), body()))
    assert exchange.headers == [(b"x-b", b"1"), (b"set-cookie", b"a=1"), (b"x-a", b"padded"), (b"set-cookie", b"b=2")]


async def test_headers_of_the_connection_stay_behind() -> None:
    headers = [(b"Connection", b"close, X-Hop"), (b"x-hop", b"1"), (b"Transfer-Encoding", b"chunked"), (b"a", b"b")]
    exchange = await get(sending(start(headers=headers), body()))
    assert exchange.headers == [(b"a", b"b")]


async def test_headers_may_be_left_out_or_come_from_an_iterator() -> None:
    assert (await get(sending({"type": "http.response.start", "status": 200}, body()))).headers == []
    assert (await get(sending(start(headers=iter([(b"a", b"b")])), body()))).headers == [(b"a", b"b")]


async def test_a_body_event_may_leave_everything_out() -> None:
    exchange = await get(sending(START, {"type": "http.response.body"}))
    assert exchange.sent == [Response(200, []), End()]


@pytest.mark.parametrize("data", [bytearray(b"abcdefgh"), memoryview(b"abcdefgh"), memoryview(b"abcdefgh").cast("I")])
async def test_any_bytes_like_body_is_sent_and_counted_in_bytes(data: Any) -> None:
    exchange = await get(sending(start(headers=[(b"content-length", b"8")]), body(data)))
    assert (exchange.body, exchange.ended) == (b"abcdefgh", True)


@pytest.mark.parametrize("data", ["text", 5, [1, 2]])
async def test_a_body_that_is_not_bytes_breaks_the_response(data: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert broken(await get(sending(START, body(data))))
    assert f"expected bytes, not {type(data).__name__}" in caplog.text


async def test_the_head_leaves_before_the_body_is_there() -> None:
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await go_on.wait()
        await send(body())

    exchange = FakeExchange(Request("GET", b"/"), [End()])
    running = asyncio.create_task(ASGIAdapter(app).serve(exchange))
    await exchange.wait_sent(1)
    assert exchange.sent == [Response(200, [])]
    go_on.set()
    await running


async def test_empty_pieces_are_not_sent() -> None:
    exchange = await get(sending(START, body(b"", True), body(b"x", True), body()))
    assert exchange.sent == [Response(200, []), Body(b"x"), End()]


async def test_a_response_to_head_has_the_head_alone() -> None:
    exchange = await serve(
        sending(start(headers=[(b"content-length", b"5")]), body(b"hello")), Request("HEAD", b"/"), End()
    )
    assert exchange.sent == [Response(200, [(b"content-length", b"5")]), End()]


async def test_a_response_to_head_may_leave_its_body_out() -> None:
    exchange = await serve(sending(start(headers=[(b"content-length", b"5")]), body()), Request("HEAD", b"/"), End())
    assert exchange.ended


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_ends_after_its_head(status: int) -> None:
    exchange = await get(sending(start(status, [(b"content-length", b"5")]), body()))
    assert [type(part) for part in exchange.sent] == [Response, End]


@pytest.mark.parametrize("status", [204, 304])
async def test_a_body_where_none_may_be_breaks_the_response(status: int, caplog: pytest.LogCaptureFixture) -> None:
    exchange = await get(sending(start(status), body(b"x")))
    assert broken(exchange)
    assert "longer than Content-Length" in caplog.text
