"""One WebSocket exchange as an ASGI cycle."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Accept, Body, Close, End, Headers, Message, Part, Request, ResetCode, Response
from mattermost_plugin.types import ASGIApp, Event, Receive, Scope, Send
from support.exchanges import FakeExchange, serve

pytestmark = pytest.mark.anyio

HANDSHAKE = Request("GET", b"/ws", websocket=True)
ACCEPT: Event = {"type": "websocket.accept"}
CLOSE: Event = {"type": "websocket.close"}


def text(data: str) -> Event:
    return {"type": "websocket.send", "text": data}


def refusal(status: Any = 401, headers: Headers = ()) -> Event:
    return {"type": "websocket.http.response.start", "status": status, "headers": headers}


def refusal_body(data: bytes = b"", more: bool = False) -> Event:
    return {"type": "websocket.http.response.body", "body": data, "more_body": more}


def sending(*events: Event) -> ASGIApp:
    """An application that takes the connection, sends these events and returns."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "websocket.connect"}
        for event in events:
            await send(event)

    return app


async def run(app: ASGIApp, *parts: Part) -> FakeExchange:
    return await serve(app, HANDSHAKE, *parts)


async def received(*parts: Part, count: int) -> tuple[list[Event], FakeExchange]:
    """What an application receives after it accepted."""
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(ACCEPT)(scope, receive, send)
        for _ in range(count):
            events.append(await receive())

    return events, await run(app, *parts)


async def settled() -> None:
    """Lets every other task run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


# Accepting


async def test_a_websocket_is_accepted_with_a_subprotocol_and_headers() -> None:
    exchange = await run(
        sending({"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"X-A", b"1"), (b"upgrade", b"no")]})
    )
    assert exchange.sent[0] == Accept([(b"x-a", b"1")], "chat")


@pytest.mark.parametrize("subprotocol", [None, ""])
async def test_a_websocket_may_have_no_subprotocol(subprotocol: str | None) -> None:
    exchange = await run(sending({"type": "websocket.accept", "subprotocol": subprotocol}))
    assert exchange.sent[0] == Accept([], "")


@pytest.mark.parametrize("subprotocol", ["a\r\nb", "\ud800", "é", 5])
async def test_a_subprotocol_that_cannot_be_sent_refuses_the_handshake(
    subprotocol: Any, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await run(sending({"type": "websocket.accept", "subprotocol": subprotocol}))
    assert exchange.status == 500
    assert "Exception in ASGI application" in caplog.text


async def test_a_header_that_cannot_be_sent_refuses_the_handshake(caplog: pytest.LogCaptureFixture) -> None:
    exchange = await run(sending({"type": "websocket.accept", "headers": [(b"a", b"\r\n")]}))
    assert exchange.status == 500
    assert "InvalidHeader" in caplog.text


# Messages


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (text("héllo"), Message("héllo".encode(), text=True)),
        (text(""), Message(b"", text=True)),
        ({"type": "websocket.send", "bytes": b"\0\xff"}, Message(b"\0\xff")),
        ({"type": "websocket.send", "bytes": b""}, Message(b"")),
        ({"type": "websocket.send", "bytes": bytearray(b"x"), "text": None}, Message(b"x")),
        ({"type": "websocket.send", "bytes": memoryview(b"abcd").cast("H")}, Message(b"abcd")),
        ({"type": "websocket.send", "bytes": None, "text": "x"}, Message(b"x", text=True)),
    ],
)
async def test_messages_are_sent_as_text_or_binary(event: Event, message: Message) -> None:
    exchange = await run(sending(ACCEPT, event))
    assert exchange.messages == [message]


@pytest.mark.parametrize("event", [{"type": "websocket.send"}, text("\ud800")])
async def test_a_message_that_is_none_is_the_applications_error(event: Event, caplog: pytest.LogCaptureFixture) -> None:
    exchange = await run(sending(ACCEPT, event))
    assert exchange.messages == []
    assert exchange.closed == Close(1011)
    assert "Exception in ASGI application" in caplog.text


async def test_messages_are_received_as_text_or_binary() -> None:
    events, _ = await received(
        Message("héllo".encode(), text=True), Message(b"", text=True), Message(b"\xff"), Message(b""), count=4
    )
    assert [(event["text"], event["bytes"]) for event in events] == [
        ("héllo", None),
        ("", None),
        (None, b"\xff"),
        (None, b""),
    ]
    assert {event["type"] for event in events} == {"websocket.receive"}


async def test_text_that_is_not_utf_8_closes_with_1007() -> None:
    events, exchange = await received(Message(b"\xff", text=True), count=2)
    assert [event["type"] for event in events] == ["websocket.disconnect"] * 2
    assert [event["code"] for event in events] == [1007, 1006]
    assert exchange.closed is not None
    assert exchange.closed.code == 1007


async def test_nothing_is_read_ahead_of_the_application() -> None:
    _, exchange = await received(Message(b"a"), Message(b"b"), Message(b"c"), count=2)
    assert exchange.receives == 2


# Closing


@pytest.mark.parametrize(
    ("event", "close"),
    [
        (CLOSE, Close(1000, "")),
        ({"type": "websocket.close", "code": 1001, "reason": "bye"}, Close(1001, "bye")),
        ({"type": "websocket.close", "code": 4999, "reason": None}, Close(4999, "")),
        ({"type": "websocket.close", "code": None}, Close(1000, "")),
    ],
)
async def test_an_application_closes_with_a_code_and_a_reason(event: Event, close: Close) -> None:
    exchange = await run(sending(ACCEPT, event))
    assert exchange.sent[1:] == [close]


@pytest.mark.parametrize("code", [999, 1004, 1005, 1006, 1015, 2999, 5000, -1, 2**40, "1000", 1000.5])
async def test_a_code_that_may_not_be_sent_is_the_applications_error(
    code: Any, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await run(sending(ACCEPT, {"type": "websocket.close", "code": code}))
    assert exchange.closed == Close(1011)
    assert f"cannot be closed with code {code!r}" in caplog.text


@pytest.mark.parametrize("reason", ["x" * 124, "é" * 62, "\ud800"], ids=["long", "long in UTF-8", "no text"])
async def test_a_reason_that_does_not_fit_is_the_applications_error(
    reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await run(sending(ACCEPT, {"type": "websocket.close", "reason": reason}))
    assert exchange.closed == Close(1011)
    assert "Exception in ASGI application" in caplog.text


async def test_the_clients_close_is_a_disconnect_with_its_code_and_is_answered() -> None:
    events, exchange = await received(Message(b"x"), Close(3001, "enough"), count=2)
    assert events[1] == {"type": "websocket.disconnect", "code": 3001, "reason": "enough"}
    assert exchange.closed == Close(3001, "enough")
    assert exchange.resets == []


async def test_a_close_without_a_code_is_1005() -> None:
    events, _ = await received(Close(0), count=1)
    assert events == [{"type": "websocket.disconnect", "code": 1005, "reason": ""}]


async def test_a_lost_client_is_1006() -> None:
    events: list[Event] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(ACCEPT)(scope, receive, send)
        exchange.leave()
        events.append(await receive())
        events.append(await receive())

    exchange = FakeExchange(HANDSHAKE)
    await ASGIAdapter(app).serve(exchange)
    assert events == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}] * 2


async def test_a_client_may_leave_before_it_was_answered() -> None:
    events: list[Event] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        events.append(await receive())

    exchange = await run(app, Close(1001))
    assert events[0]["type"] == "websocket.disconnect"
    assert events[0]["code"] == 1001
    assert exchange.sent == [] or exchange.status == 500


async def test_the_answer_to_the_applications_close_is_a_disconnect() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(ACCEPT, CLOSE)(scope, receive, send)
        events.append(await receive())

    events: list[Event] = []
    exchange = FakeExchange(HANDSHAKE)
    running = asyncio.create_task(ASGIAdapter(app).serve(exchange))
    await exchange.wait_sent(2)
    exchange.feed(Close(1000))
    await running
    assert events == [{"type": "websocket.disconnect", "code": 1000, "reason": ""}]
    assert [type(part) for part in exchange.sent] == [Accept, Close]


@pytest.mark.parametrize("event", [text("x"), CLOSE, ACCEPT])
async def test_sending_after_the_close_is_the_applications_error(
    event: Event, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await run(sending(ACCEPT, CLOSE, event))
    assert [type(part) for part in exchange.sent] == [Accept, Close]
    assert f"Unexpected ASGI message '{event['type']}'" in caplog.text


@pytest.mark.parametrize("event", [text("x"), CLOSE])
async def test_sending_after_the_client_left_raises_an_os_error(event: Event) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(ACCEPT)(scope, receive, send)
        assert (await receive())["type"] == "websocket.disconnect"
        with pytest.raises(OSError, match="client went away"):
            await send(event)

    exchange = await run(app, Close(1000))
    assert exchange.sent == [Accept([], ""), Close(1000)]


async def test_a_send_that_waits_raises_when_the_client_is_lost() -> None:
    caught: list[type] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(ACCEPT)(scope, receive, send)
        exchange.stall()
        try:
            await send(text("x"))
        except OSError as error:
            caught.append(type(error))
            raise

    exchange = FakeExchange(HANDSHAKE)
    running = asyncio.create_task(ASGIAdapter(app).serve(exchange))
    await exchange.wait_sent(1)
    await settled()
    exchange.leave()
    await running
    assert len(caught) == 1


# Refusing


async def test_closing_before_accepting_is_403() -> None:
    exchange = await run(sending({"type": "websocket.close", "code": 3000}))
    assert exchange.status == 403
    assert exchange.body == b""
    assert exchange.ended


async def test_a_denial_response_is_what_the_application_says() -> None:
    exchange = await run(
        sending(refusal(401, [(b"WWW-Authenticate", b"Basic")]), refusal_body(b"who", True), refusal_body(b"?"))
    )
    assert exchange.sent == [Response(401, [(b"www-authenticate", b"Basic")]), Body(b"who"), Body(b"?"), End()]
    assert exchange.resets == []


async def test_a_denial_response_that_is_not_completed_is_broken(caplog: pytest.LogCaptureFixture) -> None:
    exchange = await run(sending(refusal(), refusal_body(b"x", True)))
    assert not exchange.ended
    assert exchange.resets[0].code is ResetCode.INTERNAL


@pytest.mark.parametrize("event", [refusal(101), refusal(1000), refusal(401, [(b"a b", b"c")])])
async def test_a_denial_that_cannot_be_sent_is_500(event: Event, caplog: pytest.LogCaptureFixture) -> None:
    exchange = await run(sending(event))
    assert exchange.status == 500
    assert "Exception in ASGI application" in caplog.text


async def test_receiving_after_the_refusal_is_a_disconnect() -> None:
    """Nothing more will ever come, so nobody may wait for it."""
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(CLOSE)(scope, receive, send)
        events.append(await receive())

    exchange = await run(app)
    assert events == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]
    assert exchange.status == 403


async def test_receiving_after_a_denial_response_is_a_disconnect() -> None:
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(refusal(), refusal_body(b"no"))(scope, receive, send)
        events.append(await receive())

    assert (await run(app)).ended
    assert events[0]["type"] == "websocket.disconnect"


# Applications that break the protocol


async def test_an_application_that_raises_before_it_accepts_gives_500(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("a secret")

    exchange = await run(app)
    assert exchange.status == 500
    assert exchange.body == b"Internal Server Error"
    assert exchange.ended
    assert "RuntimeError: a secret" in caplog.text


@pytest.mark.parametrize("error", [RuntimeError("a secret"), SystemExit(1)])
async def test_an_application_that_raises_after_it_accepted_closes_with_1011(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(ACCEPT, text("x"))(scope, receive, send)
        raise error

    exchange = await run(app)
    assert [type(part) for part in exchange.sent] == [Accept, Message, Close]
    assert exchange.closed == Close(1011)
    assert type(error).__name__ in caplog.text


async def test_an_application_that_returns_before_it_answers_gives_500(caplog: pytest.LogCaptureFixture) -> None:
    assert (await run(sending())).status == 500
    assert "returned without sending handshake" in caplog.text


async def test_an_application_that_returns_after_it_accepted_closes_with_1000(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exchange = await run(sending(ACCEPT))
    assert exchange.closed == Close(1000)
    assert caplog.records == []


async def test_an_application_that_returns_a_value_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        await sending(ACCEPT)(scope, receive, send)
        return 5

    assert (await run(app)).closed == Close(1000)
    assert "should return None, but returned 5" in caplog.text


@pytest.mark.parametrize("event", [text("x"), {"type": "http.response.start", "status": 200}, refusal_body(b"x")])
async def test_an_event_before_the_answer_is_the_applications_error(
    event: Event, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await run(sending(event))).status == 500
    assert f"Unexpected ASGI message '{event['type']}'" in caplog.text


@pytest.mark.parametrize("event", [ACCEPT, refusal()])
async def test_a_second_answer_is_the_applications_error(event: Event, caplog: pytest.LogCaptureFixture) -> None:
    assert (await run(sending(ACCEPT, event))).closed == Close(1011)
    assert f"Unexpected ASGI message '{event['type']}'" in caplog.text


# Starlette


async def test_starlettes_websocket_works_and_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        ws = WebSocket(scope, receive, send)
        await ws.accept(subprotocol=scope["subprotocols"][0])
        try:
            while True:
                await ws.send_json({"got": await ws.receive_text()})
        except WebSocketDisconnect as disconnect:
            ended.append(disconnect.code)

    request = Request("GET", b"/", headers=[(b"sec-websocket-protocol", b"chat, other")], websocket=True)
    with caplog.at_level(logging.INFO):
        exchange = await serve(app, request, Message(b"one", text=True), Message(b"two", text=True), Close(1001))
    assert exchange.sent[0] == Accept([], "chat")
    assert [message.data for message in exchange.messages] == [b'{"got":"one"}', b'{"got":"two"}']
    assert ended == [1001]
    assert caplog.records == []
