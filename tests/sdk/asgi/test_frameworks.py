"""Frameworks run unchanged behind the adapter, below a prefix that is not theirs."""

from __future__ import annotations

import importlib
import json

import pytest

from mattermost_plugin.asgi import Lifespan
from mattermost_plugin.exchange import Body, End, Request
from mattermost_plugin.types import ASGIApp
from support.applications import PIECES
from support.exchanges import FakeExchange, serve

pytestmark = pytest.mark.anyio

ROOT = b"/plugins/com.example"


@pytest.fixture(params=["starlette", "fastapi", "django", "quart", "litestar"])
def app(request: pytest.FixtureRequest) -> ASGIApp:
    pytest.importorskip(request.param)
    application: ASGIApp = importlib.import_module(f"support.applications.{request.param}_app").app
    return application


async def fetch(app: ASGIApp, target: bytes, *body: Body, method: str = "GET") -> FakeExchange:
    """One request below the prefix, within the application's lifespan."""
    request = Request(
        method,
        ROOT + target,
        root_length=len(ROOT),
        headers=[(b"host", b"example.com"), (b"content-length", b"%d" % sum(len(piece.data) for piece in body))],
        client=("127.0.0.1", 5000),
        server=("127.0.0.1", 8065),
    )
    lifespan = Lifespan(app)
    await lifespan.startup()
    try:
        return await serve(app, request, *body, End())
    finally:
        await lifespan.shutdown()


async def test_a_path_parameter_and_a_query_arrive_and_json_comes_back(app: ASGIApp) -> None:
    exchange = await fetch(app, b"/items/7?q=a%20b")
    assert exchange.status == 200
    assert json.loads(exchange.body) == {"id": 7, "query": "a b"}
    assert dict(exchange.headers)[b"content-type"].startswith(b"application/json")
    assert exchange.ended


async def test_links_work_from_outside(app: ASGIApp) -> None:
    exchange = await fetch(app, b"/link")
    assert json.loads(exchange.body) == {"link": "/plugins/com.example/items/7"}


async def test_a_streamed_response_leaves_piece_by_piece(app: ASGIApp) -> None:
    exchange = await fetch(app, b"/stream")
    assert [part.data for part in exchange.sent if isinstance(part, Body)] == PIECES
    assert exchange.ended


async def test_a_body_of_several_pieces_is_read_whole(app: ASGIApp) -> None:
    exchange = await fetch(app, b"/count", Body(bytes(70_000)), Body(b"x" * 30_000), method="POST")
    assert json.loads(exchange.body) == {"bytes": 100_000}


async def test_an_unknown_path_is_the_frameworks_404(app: ASGIApp, caplog: pytest.LogCaptureFixture) -> None:
    exchange = await fetch(app, b"/unknown")
    assert exchange.status == 404
    assert exchange.ended
    assert "Exception in ASGI application" not in caplog.text
