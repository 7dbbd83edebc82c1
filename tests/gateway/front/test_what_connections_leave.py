"""Connections come and go, and leave nothing in memory, whatever became of them."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from mattermost_plugin.types import Receive, Scope, Send
from support.client import connect
from support.front_server import eventually
from support.fronts import front

COUNT = 100
"""Connections of each kind; one block that stays of each would be this many."""
ROUNDS = 8
"""What stays for good stays in every round; caches that fill, and an interpreter that specialises, come to an end."""

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", autouse=True)
def _only_what_is_new() -> None:
    """Whatever other tests of this process have left stays, so that the collector is quick here."""
    gc.collect()
    gc.freeze()


HANDSHAKE = (
    b"GET /plugins/p/ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def upload(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(sum([len(piece) async for piece in request.stream()])))


async def download(request: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65536)

    return StreamingResponse(pieces())


async def echo(ws: WebSocket) -> None:
    await ws.accept()
    await ws.send_text(await ws.receive_text())
    await ws.close()


APP = Starlette(
    routes=[
        Route("/hello", hello),
        Route("/upload", upload, methods=["POST"]),
        Route("/download", download),
        WebSocketRoute("/ws", echo),
    ]
)


@pytest.fixture(autouse=True)
def _no_records() -> Iterator[None]:
    """pytest keeps what is logged."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def whole(streams: Streams, request: bytes) -> None:
    streams[1].write(request)
    await streams[0].read(-1)
    streams[1].close()


async def get(streams: Streams) -> None:
    await whole(streams, b"GET /plugins/p/hello HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")


async def old_get(streams: Streams) -> None:
    await whole(streams, b"GET /plugins/p/hello HTTP/1.0\r\nHost: t\r\n\r\n")


async def refused(streams: Streams) -> None:
    await whole(streams, b"NONSENSE\r\n\r\n")


async def whole_upload(streams: Streams) -> None:
    head = b"POST /plugins/p/upload HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: 20000\r\n\r\n"
    await whole(streams, head + bytes(20000))


async def aborted_expectation(streams: Streams) -> None:
    """An upload that takes the ASGI path."""
    head = b"POST /plugins/p/upload HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 20000\r\n\r\n"
    streams[1].write(head)
    await streams[0].readuntil(b"\r\n\r\n")
    streams[1].write(bytes(100))
    await streams[1].drain()
    streams[1].transport.abort()


async def aborted_upload(streams: Streams) -> None:
    streams[1].write(b"POST /plugins/p/upload HTTP/1.1\r\nHost: t\r\nContent-Length: 20000\r\n\r\n" + bytes(100))
    await streams[1].drain()
    streams[1].transport.abort()


async def aborted_download(streams: Streams) -> None:
    streams[1].write(b"GET /plugins/p/download HTTP/1.1\r\nHost: t\r\n\r\n")
    await streams[0].readexactly(1000)
    streams[1].transport.abort()


async def websocket(streams: Streams) -> None:
    reader, writer = streams
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x81\x82\x00\x00\x00\x00hi" + b"\x88\x80\x00\x00\x00\x00")
    await reader.read(-1)
    writer.close()


async def aborted_websocket(streams: Streams) -> None:
    reader, writer = streams
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x82\xfe\xff\xff\x00\x00\x00\x00" + bytes(1000))
    await writer.drain()
    writer.transport.abort()


async def refused_websocket(streams: Streams) -> None:
    await whole(streams, HANDSHAKE.replace(b"/plugins/p/ws", b"/plugins/p/nothing"))


@pytest.mark.parametrize(
    "visit",
    [
        get,
        old_get,
        refused,
        whole_upload,
        aborted_upload,
        aborted_expectation,
        aborted_download,
        websocket,
        aborted_websocket,
        refused_websocket,
    ],
    ids=lambda it: it.__name__,
)
async def test_nothing_stays_of_a_connection(visit: Callable[[Streams], Awaitable[None]], tmp_path: Path) -> None:
    async with front(APP, tmp_path, direct=True) as stage:

        async def visits(count: int) -> int:
            for _ in range(count):
                await visit(await asyncio.open_connection("127.0.0.1", stage.port))
            link = stage.handle.link
            assert link is not None
            await eventually(lambda: link.in_flight == 0)
            for _ in range(20):  # what has ended leaves in turns of the loop that nothing tells of
                await asyncio.sleep(0)
            gc.collect()
            return sys.getallocatedblocks()

        counts = [await visits(COUNT)]
        while len(counts) <= ROUNDS and not is_flat(counts):
            counts.append(await visits(COUNT))
        assert is_flat(counts), f"allocated blocks after each {COUNT} connections: {counts}"


@pytest.mark.parametrize("direct", [True, False], ids=["fast path", "ASGI path"])
async def test_requests_are_freed_without_the_collector(direct: bool, tmp_path: Path) -> None:
    async def hello(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("hello")(scope, receive, send)

    async with front(hello, tmp_path, direct=direct, parser="httptools") as stage, connect(stage.port) as client:

        async def requests() -> int:
            gc.collect()
            gc.disable()
            try:
                for _ in range(COUNT):
                    await client.request("GET", "/plugins/p/hello")
                return gc.collect()
            finally:
                gc.enable()

        await requests()  # what is made once, and caches
        assert await requests() < COUNT, "each left something in a circle"


def is_flat(counts: list[int]) -> bool:
    """Whether the last two rounds left less than half a block for each connection."""
    return len(counts) > 2 and counts[-1] - counts[-3] < COUNT and counts[-1] - counts[-2] < COUNT // 2
