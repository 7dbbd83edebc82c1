"""Requests behind one another, and responses cut short."""

from __future__ import annotations

import asyncio

import h11
import pytest

from mattermost_plugin.types import Receive, Scope, Send
from support.front_server import HEAD, Recorder, respond, serving

pytestmark = pytest.mark.anyio


# Pipelining


async def test_pipelined_requests_are_answered_in_order(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser) as server:
        client = await server.connect()
        for number in range(20):
            client.post(b"Content-Length: 2\r\n", b"%02d" % number)
        assert [(await client.answer()).body for _ in range(20)] == [b"%02d" % number for number in range(20)]


async def test_a_flood_of_pipelined_requests_is_bounded(parser: str) -> None:
    calls = 0
    release = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal calls
        calls += 1
        await release.wait()
        await respond(send)

    async with serving(app, parser) as server:
        client = await server.connect()
        client.send((b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n") * 5000)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.read(1), 0.3)
        assert calls == 1
        release.set()
        if parser == "h11":
            assert [(await client.answer()).status for _ in range(1000)] == [200] * 1000
        else:
            assert [(await client.answer()).status for _ in range(66)] == [200] * 65 + [400]
            assert await client.rest() == b""


# Responses cut short


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"1000")]], ids=["chunked", "content-length"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_a_response_cut_short_is_not_taken_for_a_whole_one(
    parser: str, headers: list[tuple[bytes, bytes]], version: bytes
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(400), "more_body": True})
        raise RuntimeError("the application fails")

    async with serving(app, parser) as server:
        client = await server.connect()
        client.get(version=version)
        with pytest.raises((h11.RemoteProtocolError, ConnectionError)):
            await client.answer()


async def test_a_failure_before_the_response_is_a_500(parser: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("secret")

    async with serving(app, parser) as server:
        client = await server.connect()
        client.get()
        answer = await client.answer()
        assert answer.status == 500
        assert b"secret" not in answer.body
