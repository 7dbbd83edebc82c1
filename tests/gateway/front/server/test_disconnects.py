"""Clients that leave, or do not read."""

from __future__ import annotations

import asyncio

import pytest

from mattermost_plugin.types import Receive, Scope, Send
from support.front_server import SECONDS, eventually, gone, respond, serving
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


async def test_a_client_that_leaves_is_noticed_though_reading_is_paused(parser: str) -> None:
    left, told = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await left.wait()
        await eventually(lambda: not server.connections)
        await gone(receive)
        told.set()

    async with serving(app, parser) as server:
        client = await server.connect()
        # More than uvicorn takes unasked, and less than the kernel does: FIN must not queue behind a closed window.
        client.post(b"Content-Length: 10000000\r\n", bytes(100_000))
        await eventually(lambda: any(not one.is_reading() for one in server.connections))
        await client.close()
        left.set()
        await asyncio.wait_for(told.wait(), SECONDS)


async def test_a_client_that_leaves_with_a_request_in_the_queue_is_noticed(parser: str) -> None:
    begun, told = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await gone(receive)
        told.set()

    async with serving(app, parser) as server:
        client = await server.connect()
        client.get(b"/1")
        client.get(b"/2")
        await asyncio.wait_for(begun.wait(), SECONDS)
        await client.close()
        await asyncio.wait_for(told.wait(), PATIENCE)


async def test_a_client_that_leaves_is_noticed_by_a_request_that_waited_in_the_queue(parser: str) -> None:
    release, told = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        if scope["path"] == "/1":
            await respond(send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await gone(receive)
        told.set()

    async with serving(app, parser) as server:
        client = await server.connect()
        for path in (b"/1", b"/2", b"/3"):
            client.get(path)
        asyncio.get_running_loop().call_later(0.05, release.set)
        assert (await client.answer()).body == b"ok"
        await client.until(b"begun")
        await client.close()
        await asyncio.wait_for(told.wait(), PATIENCE)


async def test_a_client_that_does_not_read_holds_up_the_application_and_no_memory(parser: str) -> None:
    sent = 0
    done = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
            sent += 65536
        done.set()

    async with serving(app, parser) as server:
        client = await server.connect(limit=1024)
        client.get()
        await client.until(b"\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(done.wait(), 0.3)
        assert sent < 16 * 2**20
