"""Responses that break HTTP's rules, and those without a body."""

from __future__ import annotations

import contextlib
import logging

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mattermost_plugin.types import Receive, Scope, Send
from support.client import Broken, connect, fetch
from support.front_apps import Play, app

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "header", [(b"x-split", b"a\r\nx-injected: 1"), (b"bad name", b"x"), (b"content-length", b"many")]
)
async def test_a_bad_header_never_reaches_the_client(play: Play, header: tuple[bytes, bytes]) -> None:
    async def bad(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ValueError):
            await send({"type": "http.response.start", "status": 200, "headers": [header]})

    async with play(bad) as stage:
        answer = await fetch(stage.port, "/plugins/p/")
    assert answer.status == 500
    assert not [name for name, _ in answer.headers if name in (b"x-injected", b"x-split")]


@pytest.mark.parametrize(("sent", "declared"), [(b"too long", 3), (b"short", 300)])
async def test_a_body_that_belies_its_length_breaks_the_connection(
    play: Play, sent: bytes, declared: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def liar(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"%d" % declared)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": sent})

    async with play(liar) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        with pytest.raises(Broken):
            await client.answer()


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_a_body_have_none(play: Play, status: int) -> None:
    async def empty(request: Request) -> Response:
        return Response(status_code=status)

    async with play(app(empty)) as stage, connect(stage.port) as client:
        for _ in range(2):
            answer = await client.request("GET", "/plugins/p/")
            assert (answer.status, answer.body) == (status, b"")


async def test_head_has_the_length_and_no_body(play: Play) -> None:
    async with play(app(lambda request: PlainTextResponse("hello"), ("GET",))) as stage:
        answer = await fetch(stage.port, "/plugins/p/", "HEAD")
    assert (answer.status, answer.header("content-length"), answer.body) == (200, "5", b"")
