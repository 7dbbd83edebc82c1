"""Early hints and trailers."""

from __future__ import annotations

import pytest

from mattermost_plugin.exchange import Body, End, Informational, Request, Response
from mattermost_plugin.types import Event
from support.asgi_events import START, body, broken, sending, start
from support.exchanges import get, serve

pytestmark = pytest.mark.anyio

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
