"""Clients and plugins that leave before the end, and time-outs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from mattermost_plugin.types import Receive, Scope, Send
from support.client import Broken, connect, fetch
from support.front_apps import SOON, Play, app

pytestmark = pytest.mark.anyio


async def test_the_application_is_told_that_the_client_has_gone(play: Play) -> None:
    told = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        with pytest.raises(OSError, match="client went away"):
            await send({"type": "http.response.body", "body": b"more", "more_body": True})
        told.set()

    async with play(endless) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await client.head()
        await client.exactly(5)
        client.abort()
        await asyncio.wait_for(told.wait(), SOON)


async def test_a_cut_upload_is_a_disconnect_and_never_a_whole_body(play: Play) -> None:
    seen: asyncio.Queue[object] = asyncio.Queue()

    async def collect(request: Request) -> Response:
        try:
            async for piece in request.stream():
                seen.put_nowait(piece)
        except ClientDisconnect as error:
            seen.put_nowait(type(error))
        return Response()

    async with play(app(collect)) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Content-Length", "1000")])
        await client.send(b"x")
        assert await asyncio.wait_for(seen.get(), SOON) == b"x"
        client.abort()
        assert await asyncio.wait_for(seen.get(), SOON) is ClientDisconnect


async def test_a_response_that_is_cut_short_never_looks_complete(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def half(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError("the rest is missing")

        return StreamingResponse(pieces())

    async with play(app(half)) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await client.head()
        assert await client.exactly(4) == b"half"
        with pytest.raises(Broken):
            await client.piece()
    assert "the rest is missing" in caplog.text


async def test_an_exception_is_a_500_without_its_text(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("secret")

    async with play(fail) as stage:
        answer = await fetch(stage.port, "/plugins/p/")
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert "secret" in caplog.text


async def test_a_plugin_that_vanishes_before_its_answer_is_a_502(play: Play) -> None:
    reached = asyncio.Event()

    async def hang(request: Request) -> Response:
        reached.set()
        await asyncio.Event().wait()
        return Response()

    async with play(app(hang)) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await asyncio.wait_for(reached.wait(), SOON)
        await stage.plugin.vanish()
        answer = await client.answer()
    assert answer.status == 502
    assert answer.json()["error"]["plugin"] == "p"


async def test_a_plugin_that_vanishes_in_mid_response_breaks_the_connection(play: Play) -> None:
    async def endless(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.Event().wait()

        return StreamingResponse(pieces())

    async with play(app(endless)) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await client.head()
        await client.exactly(5)
        await stage.plugin.vanish()
        with pytest.raises(Broken):
            await client.piece()


async def test_a_plugin_that_does_not_answer_in_time_is_a_504(play: Play) -> None:
    ended = asyncio.Event()

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        ended.set()

    async with play(hang, first_byte_timeout=0.2) as stage:
        answer = await fetch(stage.port, "/plugins/p/")
        assert answer.status == 504
        await asyncio.wait_for(ended.wait(), SOON)


async def test_a_response_without_progress_is_cut(play: Play) -> None:
    async def stuck(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.Event().wait()

        return StreamingResponse(pieces())

    async with play(app(stuck), idle_timeout=0.2) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await client.head()
        await client.exactly(5)
        with pytest.raises(Broken):
            await client.piece()


async def test_an_upload_that_moves_keeps_the_first_byte_waiting(play: Play) -> None:
    async def size(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async with play(app(size), first_byte_timeout=0.5) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Content-Length", "8")])
        for _ in range(8):
            await client.send(b"x")
            await asyncio.sleep(0.1)
        await client.end()
        assert (await client.answer()).body == b"8"
