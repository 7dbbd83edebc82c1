"""WebSockets of the HTTP server: the hand-over from both parsers, limits, and ends."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from websockets.asyncio.client import ClientConnection, connect

from mattermost_plugin.types import Event, Receive, Scope, Send
from support.front_server import ENDLESS, SECONDS, Recorder, Running, eventually, serving
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

HANDSHAKE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


@pytest.fixture(params=["httptools", "h11"])
def parser(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Echo:
    """Echoes what it receives; keeps the scope and the last event."""

    def __init__(self) -> None:
        self.scope: Scope = {}
        self.last: Event = {}
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        await receive()
        await send({"type": "websocket.accept"})
        with contextlib.suppress(OSError):
            while (event := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "bytes": event.get("bytes"), "text": event.get("text")})
            self.last = event
        self.ended.set()


def url(server: Running, path: str = "/") -> str:
    host, port = server.address
    return f"ws://{host}:{port}{path}"


async def closed(socket: ClientConnection) -> int | None:
    """The code with which the server closes."""
    await asyncio.wait_for(socket.wait_closed(), SECONDS)
    return socket.close_code


async def test_messages_go_both_ways_and_the_head_arrives_as_it_was_sent(parser: str) -> None:
    app = Echo()
    async with serving(app, parser) as server:
        headers = [("X-First", "1"), ("X-Twice", "a"), ("X-Twice", "b")]
        async with connect(url(server, "/a%2Fb?q=1"), additional_headers=headers) as socket:
            await socket.send("text")
            assert await socket.recv() == "text"
            await socket.send(bytes(1_000_000))
            assert await socket.recv() == bytes(1_000_000)
        await asyncio.wait_for(app.ended.wait(), SECONDS)
        assert app.scope["raw_path"] == b"/a%2Fb"
        assert app.scope["query_string"] == b"q=1"
        names = [name for name, _ in app.scope["headers"]]
        assert names[0] == b"host"
        assert [header for header in app.scope["headers"] if header[0] == b"x-twice"] == [
            (b"x-twice", b"a"),
            (b"x-twice", b"b"),
        ]


async def test_a_websocket_may_follow_a_request_on_the_same_connection(parser: str) -> None:
    echo, record = Echo(), Recorder()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (echo if scope["type"] == "websocket" else record)(scope, receive, send)

    async with serving(app, parser, keep_alive_timeout=0.3) as server:
        client = await server.connect()
        client.get()
        assert (await client.answer()).status == 200
        client.get(headers=HANDSHAKE)
        assert (await client.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        await asyncio.sleep(0.6)
        client.send(b"\x81\x82\0\0\0\0hi")
        assert await client.exactly(4) == b"\x81\x02hi"


@pytest.mark.parametrize(
    ("headers", "status"),
    [(b"X: 1\r\n" * 200, 431), (b"X: " + b"a" * 70_000 + b"\r\n", 431), (b"Host: b\r\n", 400)],
    ids=["count", "size", "host"],
)
async def test_a_handshake_keeps_to_the_limits_of_a_request(parser: str, headers: bytes, status: int) -> None:
    app = Echo()
    async with serving(app, parser) as server:
        client = await server.connect()
        client.get(headers=HANDSHAKE + headers)
        assert (await client.answer()).status == status
        assert await client.rest() == b""
        assert app.scope == {}


@pytest.mark.parametrize("headers", [b"Cookie: " + b"a" * 9000 + b"\r\n", b"Content-Length: 3\r\n"])
async def test_a_handshake_that_cannot_be_read_is_answered(parser: str, headers: bytes) -> None:
    app = Echo()
    async with serving(app, parser) as server:
        client = await server.connect()
        client.get(headers=HANDSHAKE + headers)
        answer = await client.answer()
        assert answer.status == 400
        assert await client.rest() == b""
        assert app.scope == {}


async def test_a_message_that_is_too_large_closes_with_1009(parser: str) -> None:
    app = Echo()
    async with serving(app, parser, websocket_max_message=1000) as server, connect(url(server)) as socket:
        await socket.send(bytes(1000))
        assert await socket.recv() == bytes(1000)
        await socket.send(bytes(1001))
        assert await closed(socket) == 1009
        await asyncio.wait_for(app.ended.wait(), SECONDS)


async def test_a_small_message_that_inflates_beyond_the_limit_closes_with_1009(parser: str) -> None:
    app = Echo()
    async with (
        serving(app, parser, websocket_max_message=100_000) as server,
        connect(url(server), compression="deflate") as socket,
    ):
        await socket.send(bytes(50_000_000))
        assert await closed(socket) == 1009


async def test_a_client_that_answers_no_ping_is_closed(parser: str) -> None:
    app = Echo()
    async with serving(app, parser, websocket_ping_interval=0.2, websocket_ping_timeout=0.2) as server:
        client = await server.connect()
        client.get(headers=HANDSHAKE)
        await client.until(b"\r\n\r\n")
        received = await client.rest()
        assert received[0] == 0x89
        await asyncio.wait_for(app.ended.wait(), SECONDS)


async def test_a_client_that_leaves_without_a_close_is_noticed_though_the_application_does_not_read(
    parser: str,
) -> None:
    told = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await eventually(lambda: not server.connections)
        told.set()

    async with serving(app, parser) as server:
        client = await server.connect()
        client.get(headers=HANDSHAKE)
        await client.until(b"\r\n\r\n")
        client.send(b"\x81\x82\0\0\0\0hi" * 2)
        await eventually(lambda: any(not one.is_reading() for one in server.connections))
        await client.close()
        await asyncio.wait_for(told.wait(), PATIENCE)


async def test_a_websocket_goes_on_while_the_server_drains_and_a_stop_waits_for_its_end(parser: str) -> None:
    app = Echo()
    async with serving(app, parser, drain_timeout=ENDLESS) as server, connect(url(server)) as socket:
        await socket.send("before")
        assert await socket.recv() == "before"
        stop = asyncio.create_task(server.stop())
        await eventually(lambda: not server.server.servers[0].is_serving())
        await socket.send("meanwhile")
        assert await socket.recv() == "meanwhile"
        assert not stop.done()
        await socket.close()
        await stop
        assert app.last["code"] == 1000


async def test_a_websocket_that_outlasts_the_drain_is_closed_with_1001_and_its_application_told(parser: str) -> None:
    app = Echo()
    async with serving(app, parser, drain_timeout=0.1) as server, connect(url(server)) as socket:
        await socket.send("text")
        assert await socket.recv() == "text"
        await server.stop()
        assert await closed(socket) == 1001
        assert app.last["code"] == 1001


async def test_an_application_that_ignores_the_close_is_cancelled_in_time(parser: str) -> None:
    cancelled = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serving(app, parser, drain_timeout=0.3) as server, connect(url(server)) as socket:
        await server.stop()
        assert await closed(socket) == 1001
        await asyncio.wait_for(cancelled.wait(), SECONDS)
