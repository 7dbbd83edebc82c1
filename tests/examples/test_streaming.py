"""The plugin in examples/streaming."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from mattermost_plugin import Plugin
from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Body, End, Request, Response
from mattermost_plugin.types import ASGIApp
from support.exchanges import FakeExchange, post

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(make_plugin: Callable[[str], Plugin]) -> ASGIApp:
    return make_plugin("streaming").asgi_app()


@pytest.fixture
def client(app: ASGIApp) -> TestClient:
    return TestClient(app)


def test_the_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!doctype html>")
    assert "://" not in page.text


def test_ticks_are_server_sent_events(client: TestClient) -> None:
    ticks = client.get("/ticks?n=3&interval=0")

    assert ticks.text == "id: 1\ndata: 1\n\nid: 2\ndata: 2\n\nid: 3\ndata: 3\n\n"
    assert ticks.headers["content-type"].startswith("text/event-stream")
    assert (ticks.headers["cache-control"], ticks.headers["x-accel-buffering"]) == ("no-cache", "no")
    assert client.get("/ticks?n=0").text == ""


def test_ticks_keep_their_interval(client: TestClient) -> None:
    start = time.monotonic()
    client.get("/ticks?n=3&interval=0.05")

    assert time.monotonic() - start >= 0.1


async def test_ticks_without_a_number_go_on_until_the_client_leaves(app: ASGIApp) -> None:
    exchange = FakeExchange(Request("GET", b"/ticks?interval=0"), [End()])
    serving = asyncio.create_task(ASGIAdapter(app).serve(exchange))

    await exchange.wait_sent(100)
    exchange.leave()

    async with asyncio.timeout(5):
        await serving
    assert not exchange.ended


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("n=many", "n has to be a number, and 'many' is none."),
        ("n=1.5", "n has to be a number, and '1.5' is none."),
        ("n=", "n has to be a number, and '' is none."),
        ("n=-1", "n has to be from 0 to 1099511627776, and -1 is not."),
        ("n=1&interval=soon", "interval has to be a number, and 'soon' is none."),
        ("n=1&interval=61", "interval has to be from 0 to 60.0, and 61 is not."),
        ("n=1&interval=nan", "interval has to be from 0 to 60.0, and nan is not."),
    ],
)
def test_ticks_that_cannot_be_are_refused_with_a_sentence(client: TestClient, query: str, sentence: str) -> None:
    answer = client.get(f"/ticks?{query}")

    assert (answer.status_code, answer.text) == (400, sentence)


async def test_each_chunk_is_echoed_before_the_next_one_arrives(app: ASGIApp) -> None:
    exchange = FakeExchange(Request("POST", b"/echo", headers=[(b"content-type", b"text/x-chunks")]))
    serving = asyncio.create_task(ASGIAdapter(app).serve(exchange))

    for number in range(3):
        exchange.feed(Body(b"chunk %d" % number))
        await exchange.wait_sent(2 + number)
        assert exchange.sent[-1] == Body(b"chunk %d" % number)
    exchange.feed(End())
    async with asyncio.timeout(5):
        await serving

    assert exchange.response == Response(200, [(b"content-type", b"text/x-chunks")])
    assert exchange.ended


async def test_an_echo_without_a_type_is_just_bytes(app: ASGIApp) -> None:
    exchange = await post(app, b"\x00\xff", b"/echo")

    assert exchange.body == b"\x00\xff"
    assert exchange.headers == [(b"content-type", b"application/octet-stream")]


@pytest.mark.parametrize("body", [b"", b"abc", bytes(1_000_000)])
def test_a_digest_is_of_the_whole_body(client: TestClient, body: bytes) -> None:
    digest = client.post("/digest", content=body).json()

    assert digest == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


@pytest.mark.parametrize("n", [0, 1, 65536, 65537, 200_000])
def test_as_many_bytes_come_as_were_asked_for(client: TestClient, n: int) -> None:
    answer = client.get(f"/bytes?n={n}")

    assert answer.content == bytes(n)
    assert answer.headers["content-length"] == str(n)


@pytest.mark.parametrize("query", ["", "?n=-1", "?n=all"])
def test_bytes_that_cannot_be_are_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/bytes{query}")

    assert answer.status_code == 400
    assert answer.text.startswith("n has to be ")


def test_messages_come_back_as_what_they_were(client: TestClient) -> None:
    with client.websocket_connect("/ws") as ws:
        ws.send_text("text, even “”")
        assert ws.receive_text() == "text, even “”"
        ws.send_text("")
        assert ws.receive_text() == ""
        ws.send_bytes(b"\x00\xff")
        assert ws.receive_bytes() == b"\x00\xff"
