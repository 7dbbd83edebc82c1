"""One HTTP exchange as an ASGI cycle: what each behaviour of an application gives the client and the log."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request as StarletteRequest
from starlette.responses import StreamingResponse

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Body, End, Headers, Informational, Request, Reset, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.types import ASGIApp, Event, Receive, Scope, Send
from support.exchanges import FakeExchange, get, serve

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(15)]

START: Event = {"type": "http.response.start", "status": 200, "headers": []}


def start(status: Any = 200, headers: Any = (), **more: Any) -> Event:
    return {"type": "http.response.start", "status": status, "headers": headers, **more}


def body(data: Any = b"", more: bool = False) -> Event:
    return {"type": "http.response.body", "body": data, "more_body": more}


def sending(*events: Event) -> ASGIApp:
    """An application that sends these events and returns."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for event in events:
            await send(event)

    return app


def broken(exchange: FakeExchange) -> bool:
    """The client can see that the response is not whole."""
    return not exchange.ended and [reset.code for reset in exchange.resets] == [ResetCode.INTERNAL]


async def settled() -> None:
    """Lets every other task run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


# The response


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


# Applications that break the protocol


async def test_an_application_that_raises_before_it_answers_gives_500(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("a secret")

    exchange = await get(app)
    assert exchange.status == 500
    assert exchange.body == b"Internal Server Error"
    assert dict(exchange.headers) == {b"content-type": b"text/plain; charset=utf-8", b"content-length": b"21"}
    assert exchange.ended
    assert "Exception in ASGI application" in caplog.text
    assert "RuntimeError: a secret" in caplog.text
    assert b"secret" not in exchange.body


async def test_an_application_that_raises_for_head_gives_500_without_a_body() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError

    exchange = await serve(app, Request("HEAD", b"/"), End())
    assert exchange.status == 500
    assert [type(part) for part in exchange.sent] == [Response, End]


async def test_an_application_that_exits_gives_500_and_lives_on(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise SystemExit(1)

    assert (await get(app)).status == 500
    assert "SystemExit" in caplog.text


async def test_an_application_that_raises_after_its_head_breaks_the_response(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(body(b"half", True))
        raise RuntimeError("a secret")

    exchange = await get(app)
    assert exchange.sent == [Response(200, []), Body(b"half")]
    assert broken(exchange)
    assert "RuntimeError: a secret" in caplog.text
    assert "secret" not in exchange.resets[0].reason


async def test_an_application_that_raises_after_its_response_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(START, body(b"whole"))(scope, receive, send)
        raise RuntimeError("in a background task")

    exchange = await get(app)
    assert exchange.body == b"whole"
    assert exchange.ended
    assert exchange.resets == []
    assert "in a background task" in caplog.text


async def test_an_application_that_returns_without_an_answer_gives_500(caplog: pytest.LogCaptureFixture) -> None:
    exchange = await get(sending())
    assert exchange.status == 500
    assert exchange.ended
    assert "returned without starting response" in caplog.text


async def test_an_application_that_returns_after_its_head_breaks_the_response(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exchange = await get(sending(START, body(b"half", True)))
    assert broken(exchange)
    assert "returned without completing response" in caplog.text


async def test_an_application_that_returns_a_value_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        return "a value"

    exchange = await get(app)
    assert broken(exchange)
    assert "should return None, but returned 'a value'" in caplog.text


async def test_a_value_after_a_whole_response_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        await sending(START, body(b"whole"))(scope, receive, send)
        return 1

    exchange = await get(app)
    assert exchange.ended
    assert exchange.resets == []
    assert "should return None" in caplog.text


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([body(b"x")], "Expected ASGI message 'http.response.start', but got 'http.response.body'"),
        ([START, START], "Expected ASGI message 'http.response.body', but got 'http.response.start'"),
        (
            [START, body(), body()],
            "Unexpected ASGI message 'http.response.body' sent, after response already completed",
        ),
        ([START, body(), START], "Unexpected ASGI message 'http.response.start' sent, after response"),
        ([{"type": "websocket.accept"}], "Expected ASGI message 'http.response.start', but got 'websocket.accept'"),
        ([START, {"type": "http.response.trailers"}], "Expected ASGI message 'http.response.body'"),
        ([{"type": "http.response.early_hint", "links": []}], "but got 'http.response.early_hint'"),
    ],
)
async def test_an_event_out_of_turn_is_the_applications_error(
    events: list[Event], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    caught: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for event in events[:-1]:
            await send(event)
        with pytest.raises(RuntimeError) as error:
            await send(events[-1])
        caught.append(str(error.value))

    exchange = await get(app)
    assert message in caught[0]
    assert exchange.sent[0] == Response(200, []) if len(events) > 1 else exchange.status == 500


@pytest.mark.parametrize("status", [0, 99, 100, 101, 199, 1000, "two hundred", None])
async def test_a_status_that_is_no_final_one_gives_500(status: Any, caplog: pytest.LogCaptureFixture) -> None:
    exchange = await get(sending(start(status), body()))
    assert exchange.status == 500
    assert exchange.ended
    assert "Exception in ASGI application" in caplog.text


@pytest.mark.parametrize("status", [200, 299, 418, 599, 600, 999])
async def test_any_final_status_is_sent(status: int) -> None:
    assert (await get(sending(start(status), body()))).status == status


@pytest.mark.parametrize(
    "header",
    [
        (b"a", b"x\r\nset-cookie: b"),
        (b"a", b"x\ny"),
        (b"a", b"x\0"),
        (b"a\r\nb", b"x"),
        (b"a b", b"x"),
        (b"a:", b"x"),
        (b"", b"x"),
        ("a", "b"),
        (b"content-length", b"-1"),
        (b"content-length", b"1, 2"),
        (b"a",),
    ],
)
async def test_a_header_that_cannot_be_sent_gives_500(header: Any, caplog: pytest.LogCaptureFixture) -> None:
    exchange = await get(sending(start(headers=[header]), body(b"x")))
    assert exchange.status == 500
    assert "Exception in ASGI application" in caplog.text


async def test_two_different_lengths_give_500() -> None:
    exchange = await get(sending(start(headers=[(b"content-length", b"1"), (b"content-length", b"2")]), body(b"x")))
    assert exchange.status == 500


@pytest.mark.parametrize("events", [[body(b"hello!")], [body(b"hel", True), body(b"lo!")]])
async def test_more_than_the_declared_length_is_never_sent(
    events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await get(sending(start(headers=[(b"content-length", b"5")]), *events))
    assert broken(exchange)
    assert len(exchange.body) <= 5
    assert "Response content longer than Content-Length" in caplog.text


@pytest.mark.parametrize("events", [[body(b"hell")], [body(b"h", True), body()], [body()]])
async def test_less_than_the_declared_length_is_never_a_whole_response(
    events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await get(sending(start(headers=[(b"content-length", b"5")]), *events))
    assert broken(exchange)
    assert "Response content shorter than Content-Length" in caplog.text


async def test_exactly_the_declared_length_is_fine() -> None:
    exchange = await get(sending(start(headers=[(b"content-length", b"5")]), body(b"hel", True), body(b"lo")))
    assert exchange.ended


async def test_cancellation_is_not_swallowed() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    running = asyncio.create_task(ASGIAdapter(app).serve(FakeExchange(Request("GET", b"/"))))
    await settled()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


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


# Early hints and trailers

HINT: Event = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]}
TRAILERS: Event = {"type": "http.response.trailers", "headers": [(b"Checksum", b"1")], "more_trailers": False}


async def test_early_hints_are_sent_where_they_can_travel() -> None:
    exchange = await serve(sending(HINT, START, body()), Request("GET", b"/", early_hints=True), End())
    links = [(b"link", b"</a.css>; rel=preload"), (b"link", b"</b.js>; rel=preload")]
    assert exchange.sent == [Informational(103, links), Response(200, []), End()]


async def test_an_early_hint_after_the_head_is_an_error() -> None:
    exchange = await serve(sending(START, HINT), Request("GET", b"/", early_hints=True), End())
    assert broken(exchange)


async def test_trailers_are_sent_where_they_can_travel() -> None:
    more = {"type": "http.response.trailers", "headers": [(b"A", b"b")], "more_trailers": True}
    exchange = await serve(
        sending(start(trailers=True), body(b"x"), more, TRAILERS), Request("GET", b"/", trailers=True), End()
    )
    assert exchange.sent == [
        Response(200, [], trailers=True),
        Body(b"x"),
        End([(b"a", b"b"), (b"checksum", b"1")]),
    ]


async def test_trailers_that_were_promised_must_come() -> None:
    exchange = await serve(sending(start(trailers=True), body(b"x")), Request("GET", b"/", trailers=True), End())
    assert broken(exchange)


async def test_trailers_that_cannot_travel_are_not_promised() -> None:
    exchange = await get(sending(start(trailers=True), body(b"x")))
    assert exchange.sent == [Response(200, []), Body(b"x"), End()]


async def test_a_trailer_that_cannot_be_sent_breaks_the_response() -> None:
    bad = {"type": "http.response.trailers", "headers": [(b"a", b"\r\n")]}
    exchange = await serve(sending(start(trailers=True), body(), bad), Request("GET", b"/", trailers=True), End())
    assert broken(exchange)


# The client leaves


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
    async with asyncio.timeout(5):
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
