"""What is let finish while the server stops, and what is ended."""

from __future__ import annotations

import asyncio

import pytest

from mattermost_plugin.types import Receive, Scope, Send
from support.front_server import ENDLESS, SECONDS, Recorder, Running, eventually, respond, serving

pytestmark = pytest.mark.anyio


async def test_idle_connections_do_not_hold_up_a_stop(parser: str) -> None:
    async with serving(Recorder(), parser, drain_timeout=ENDLESS, drain_idle_timeout=0.2) as server:
        idle, begun, silent = [await server.connect() for _ in range(3)]
        idle.get()
        assert (await idle.answer()).status == 200
        begun.send(b"GET / HT")
        await server.stop()
        assert [await client.rest() for client in (idle, begun, silent)] == [b"", b"", b""]


async def test_a_request_on_an_idle_connection_is_answered_while_the_server_stops(parser: str) -> None:
    async with serving(Recorder(), parser, drain_timeout=ENDLESS, drain_idle_timeout=ENDLESS) as server:
        used, fresh = await server.connect(), await server.connect()
        used.get()
        answer = await used.answer()
        assert (answer.status, answer.header(b"connection")) == (200, None)
        stop = asyncio.create_task(server.stop())
        await listens_no_more(server)
        for client in (used, fresh):
            client.get()
            answer = await client.answer()
            assert (answer.status, answer.header(b"connection")) == (200, b"close")
            assert await client.rest() == b""
        await stop


async def listens_no_more(server: Running) -> None:
    """Returns when nobody can connect any more."""
    async with asyncio.timeout(SECONDS):
        with pytest.raises(ConnectionError):
            while True:
                client = await server.connect()
                await client.close()
                await asyncio.sleep(0.01)


async def test_a_request_in_flight_is_finished(parser: str) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await release.wait()
        await respond(send)

    async with serving(app, parser, drain_timeout=ENDLESS) as server:
        client = await server.connect()
        client.get()
        await asyncio.wait_for(begun.wait(), SECONDS)
        stop = asyncio.create_task(server.stop())
        asyncio.get_running_loop().call_later(0.2, release.set)
        assert (await client.answer()).status == 200
        assert await client.rest() == b""
        await stop


async def test_a_stream_without_end_is_ended_in_time(parser: str) -> None:
    cancelled = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serving(app, parser, drain_timeout=0.3) as server:
        client = await server.connect()
        client.get()
        await client.until(b"begun")
        await server.stop()
        await asyncio.wait_for(cancelled.wait(), SECONDS)
        assert b"0\r\n\r\n" not in await client.rest()


async def test_a_stalled_upload_does_not_hold_up_a_stop(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser, drain_timeout=0.3) as server:
        client = await server.connect()
        client.post(b"Content-Length: 10\r\n", b"abc")
        await eventually(lambda: bool(app.scopes))
        await server.stop()
        assert app.whole == []
