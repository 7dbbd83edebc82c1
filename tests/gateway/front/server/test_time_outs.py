"""What the server does not wait for: heads, bodies, idle clients, and those that do not read."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import h11
import pytest

from mattermost_plugin.types import Receive, Scope, Send
from support.clock import stopped_clock
from support.front_server import SECONDS, Recorder, eventually, gone, respond, serving

pytestmark = pytest.mark.anyio


async def test_a_head_that_does_not_end_in_time_is_refused_however_busily_it_arrives(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser, header_timeout=0.3) as server:
        client = await server.connect()
        client.send(b"GET / HTTP/1.1\r\nX: ")

        async def drip() -> None:
            while True:
                client.send(b"a")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        answer = await client.answer()
        dripping.cancel()
        assert answer.status == 408
        assert app.scopes == []


async def test_a_connection_that_never_speaks_is_closed_in_silence(parser: str) -> None:
    async with serving(Recorder(), parser, header_timeout=0.3) as server:
        client = await server.connect()
        assert await client.rest() == b""


async def test_a_later_head_has_its_time_from_its_first_byte(parser: str) -> None:
    async with serving(Recorder(), parser, header_timeout=0.3) as server:
        client = await server.connect()
        client.get()
        assert (await client.answer()).status == 200
        client.send(b"GET / HT")
        assert (await client.answer()).status == 408
        assert await client.rest() == b""


async def test_an_idle_connection_is_closed(parser: str) -> None:
    async with serving(Recorder(), parser, keep_alive_timeout=0.3) as server:
        client = await server.connect()
        client.get()
        assert (await client.answer()).status == 200
        assert await client.rest() == b""


async def test_a_connection_in_use_outlives_all_time_outs(parser: str) -> None:
    limits: dict[str, Any] = {"keep_alive_timeout": 0.3, "header_timeout": 0.3, "body_timeout": 0.3}
    async with serving(Recorder(), parser, **limits) as server:
        client = await server.connect()
        with stopped_clock() as clock:
            for _ in range(8):
                client.post(b"Content-Length: 2\r\n", b"ab")
                assert (await client.answer()).body == b"ab"
                clock.advance(0.2)
        assert await client.rest() == b""


async def test_a_body_that_pauses_too_long_is_a_disconnect_and_a_408(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser, body_timeout=0.3) as server:
        client = await server.connect()
        client.post(b"Content-Length: 10\r\n", b"abc")
        assert (await client.answer()).status == 408
        await asyncio.wait_for(app.disconnected.wait(), SECONDS)
        assert app.whole == []
        assert await client.rest() == b""


async def test_a_body_that_pauses_after_the_response_began_breaks_the_connection(parser: str) -> None:
    told = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await gone(receive)
        told.set()

    async with serving(app, parser, body_timeout=0.3) as server:
        client = await server.connect()
        client.post(b"Content-Length: 10\r\n", b"abc")
        with pytest.raises((h11.RemoteProtocolError, ConnectionError)):
            await client.answer()
        await asyncio.wait_for(told.wait(), SECONDS)


async def test_a_slow_application_is_not_held_against_the_client(parser: str) -> None:
    size = 4 * 2**20

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.7)
        await respond(send, b"%d" % len(await Recorder().read(receive) or b""))

    async with serving(app, parser, body_timeout=0.3) as server:
        client = await server.connect()
        client.post(b"Content-Length: %d\r\n" % size, bytes(size))
        assert (await client.answer()).body == b"%d" % size


async def test_a_client_that_does_not_read_the_end_of_its_response_is_dropped_in_time(parser: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(OSError):
            await respond(send, bytes(64 * 2**20), (b"connection", b"close"))

    async with serving(app, parser, body_timeout=0.3) as server:
        client = await server.connect(limit=1024)
        client.get()
        await client.until(b"\r\n\r\n")
        await eventually(lambda: not server.connections)
