"""Applications that break ASGI's protocol: what the client gets, and what the log says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Body, End, Request, Response
from mattermost_plugin.types import Event, Receive, Scope, Send
from support.asgi_events import START, body, broken, sending, settled, start
from support.exchanges import FakeExchange, get, serve

pytestmark = pytest.mark.anyio


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
    (record,) = caplog.records
    assert (vars(record)["method"], vars(record)["path"]) == ("GET", "/")
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
