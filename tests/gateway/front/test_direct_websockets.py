"""What the fast path of WebSockets does beside carrying messages: limits, pings, ends, and nobody is read too fast."""

from __future__ import annotations

import asyncio
import contextlib
import zlib

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect

from mattermost_plugin.types import Event, Receive, Scope, Send
from servehttp.front.websocket_protocol import WebSocketProtocol
from servehttp.request_lines import STOPPED
from support.front_server import ENDLESS, SECONDS, Client, Running, eventually
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.websocket_paths import frame
from support.websocket_server import HANDSHAKE, PREFIX, serving_plugin

pytestmark = pytest.mark.anyio

COMPRESSING = b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
COMPRESSED = 0x40


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


class Slow:
    """Accepts, and takes nothing until it is told to; then it keeps what it takes."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.events: list[Event] = []
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await self.go_on.wait()
        while (event := await receive())["type"] == "websocket.receive":
            self.events.append(event)
        self.events.append(event)
        self.ended.set()


def url(server: Running, path: str = "/ws") -> str:
    host, port = server.address
    return f"ws://{host}:{port}{PREFIX}{path}"


async def opened(server: Running, headers: bytes = b"", behind: bytes = b"") -> Client:
    """A client whose handshake was answered; `behind` comes in the same packet as the handshake."""
    client = await server.connect()
    client.send(b"GET %s/ws HTTP/1.1\r\nHost: t\r\n%s%s\r\n%s" % (PREFIX.encode(), HANDSHAKE, headers, behind))
    assert b"101" in await client.until(b"\r\n\r\n")
    return client


async def closed(socket: ClientConnection) -> int | None:
    """The code with which the server closes."""
    await asyncio.wait_for(socket.wait_closed(), SECONDS)
    return socket.close_code


async def close_code(client: Client) -> int:
    """The same, of a client that knows no frames."""
    while (await client.exactly(1))[0] & 0x0F != CLOSE:
        await client.exactly((await client.exactly(1))[0])
    size = (await client.exactly(1))[0]
    return int.from_bytes((await client.exactly(size))[:2], "big")


def compressed(size: int) -> bytes:
    """So many bytes in very few."""
    worker = zlib.compressobj(9, zlib.DEFLATED, -12)
    return (worker.compress(b"a" * size) + worker.flush(zlib.Z_SYNC_FLUSH))[:-4]


# Messages


async def test_messages_go_both_ways_and_the_head_arrives_as_it_was_sent(parser: str) -> None:
    app = Echo()
    async with serving_plugin(app, parser) as server:
        headers = [("X-First", "1"), ("X-Twice", "a"), ("X-Twice", "b")]
        async with connect(url(server, "/a%2Fb?q=1"), additional_headers=headers) as socket:
            for message in ("text", bytes(1_000_000), "", b"", "ü" * 1000):
                await socket.send(message)
                assert await socket.recv() == message
        await asyncio.wait_for(app.ended.wait(), SECONDS)
    assert app.scope["raw_path"] == PREFIX.encode() + b"/a%2Fb"
    assert app.scope["query_string"] == b"q=1"
    twice = [header for header in app.scope["headers"] if header[0] == b"x-twice"]
    assert twice == [(b"x-twice", b"a"), (b"x-twice", b"b")]


async def test_a_websocket_has_no_task_in_the_gateway() -> None:
    async with serving_plugin(Echo()) as server, connect(url(server)) as socket:
        await socket.send("text")
        assert await socket.recv() == "text"
        assert not server.server.server_state.tasks


async def test_frames_that_come_with_the_handshake_arrive(parser: str) -> None:
    async with serving_plugin(Echo(), parser) as server:
        client = await opened(server, behind=frame(TEXT, b"hi") + frame(PING, b"p") + frame(TEXT, b"ho"))
        assert await client.exactly(11) in (b"\x81\x02hi\x8a\x01p\x81\x02ho", b"\x8a\x01p\x81\x02hi\x81\x02ho")


async def test_a_websocket_may_follow_a_request_on_the_same_connection(parser: str) -> None:
    async with serving_plugin(Echo(), parser, keep_alive_timeout=0.3) as server:
        client = await server.connect()
        client.get(b"/nothing")
        assert (await client.answer()).status == 404
        client.send(b"GET %s/ws HTTP/1.1\r\nHost: t\r\n%s\r\n" % (PREFIX.encode(), HANDSHAKE))
        assert (await client.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        await asyncio.sleep(0.6)
        client.send(frame(TEXT, b"hi"))
        assert await client.exactly(4) == b"\x81\x02hi"


# Limits


async def test_a_message_that_is_too_large_closes_with_1009(parser: str) -> None:
    app = Echo()
    async with serving_plugin(app, parser, websocket_max_message=1000) as server, connect(url(server)) as socket:
        await socket.send(bytes(1000))
        assert await socket.recv() == bytes(1000)
        await socket.send(bytes(1001))
        assert await closed(socket) == 1009
        await asyncio.wait_for(app.ended.wait(), SECONDS)
        assert app.last["code"] == 1009


async def test_a_small_message_that_inflates_beyond_the_limit_closes_with_1009() -> None:
    async with (
        serving_plugin(Echo(), websocket_max_message=100_000) as server,
        connect(url(server), compression="deflate") as socket,
    ):
        await socket.send(bytes(50_000_000))
        assert await closed(socket) == 1009


@pytest.mark.parametrize(
    "message",
    [
        frame(TEXT, b"x" * 70_000, final=False),
        frame(TEXT, compressed(70_000), final=False, first=COMPRESSED),
        frame(TEXT, b"x" * 70_000)[:-1],
        frame(TEXT, b"x") + frame(TEXT, b"x" * 70_000, final=False)[:-1],
    ],
    ids=["a message in frames", "compressed", "a frame", "a frame of a message in frames"],
)
async def test_a_message_that_never_ends_has_no_more_than_its_share(message: bytes) -> None:
    async with serving_plugin(Echo(), websocket_held=100_000, websocket_held_client=60_000) as server:
        client = await opened(server, COMPRESSING)
        client.send(message)
        assert await close_code(client) == 1013


@pytest.mark.parametrize("final", [True, False], ids=["in one frame", "in several"])
async def test_many_share_what_there_is_and_give_it_back(final: bool) -> None:
    beginning = frame(TEXT, b"x" * 60_000, final=final)
    beginning, end = (beginning[:-1], beginning[-1:]) if final else (beginning, frame(CONTINUATION, b""))
    async with serving_plugin(Echo(), websocket_held=100_000) as server:
        first, second = [await opened(server) for _ in range(2)]
        first.send(beginning)
        await eventually(lambda: held(server) >= 60_000)
        second.send(beginning)
        assert await close_code(second) == 1013
        first.send(end)
        assert await first.exactly(4 + 60_000)
        assert held(server) == 0
        third = await opened(server)
        third.send(frame(TEXT, b"x" * 90_000))
        assert await third.exactly(10 + 90_000)


def held(server: Running) -> int:
    """What all WebSockets hold."""
    connections = server.server.server_state.connections
    return next(connection.budget.held for connection in connections if isinstance(connection, WebSocketProtocol))


# Pings and ends


async def test_a_client_that_answers_no_ping_is_closed(parser: str) -> None:
    app = Echo()
    async with serving_plugin(app, parser, websocket_ping_interval=0.2, websocket_ping_timeout=0.2) as server:
        client = await opened(server)
        assert (await client.exactly(1))[0] == 0x89
        assert await close_code_behind(client, 5) == 1011
        await asyncio.wait_for(app.ended.wait(), SECONDS)


async def close_code_behind(client: Client, size: int) -> int:
    """The server's close, behind the rest of a frame."""
    await client.exactly(size)
    return await close_code(client)


async def test_a_client_that_answers_pings_goes_on() -> None:
    async with serving_plugin(Echo(), websocket_ping_interval=0.05, websocket_ping_timeout=SECONDS) as server:
        client = await opened(server)
        for _ in range(3):
            head, payload = await client.exactly(2), await client.exactly(4)
            assert head == b"\x89\x04"
            client.send(frame(PONG, payload))
        client.send(frame(TEXT, b"still here"))
        assert b"still here" in await client.until(b"still here")


async def test_a_websocket_goes_on_while_the_server_drains_and_a_stop_waits_for_its_end() -> None:
    app = Echo()
    async with serving_plugin(app, drain_timeout=ENDLESS) as server, connect(url(server)) as socket:
        await socket.send("before")
        assert await socket.recv() == "before"
        stop = asyncio.create_task(server.stop())
        await eventually(lambda: not server.server.servers[0].is_serving())
        await socket.send("meanwhile")
        assert await socket.recv() == "meanwhile"
        assert not stop.done()
        await socket.close()
        await stop
        await asyncio.wait_for(app.ended.wait(), SECONDS)
        assert app.last["code"] == 1000


async def test_a_websocket_that_outlasts_the_drain_is_closed_with_1001_and_its_application_told() -> None:
    app = Echo()
    with capture_logs() as logs:
        async with serving_plugin(app, drain_timeout=0.1) as server, connect(url(server)) as socket:
            await socket.send("text")
            assert await socket.recv() == "text"
            await server.stop()
            assert await closed(socket) == 1001
            await asyncio.wait_for(app.ended.wait(), SECONDS)
            assert app.last["code"] == 1001
    (line,) = [log for log in logs if log["event"].startswith("WEBSOCKET ")]
    assert line["problem"] == STOPPED


async def test_a_handshake_that_outlasts_the_drain_is_answered_with_503_and_its_application_told() -> None:
    begun, told = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        begun.set()
        assert (await receive())["type"] == "websocket.disconnect"
        told.set()

    async with serving_plugin(app, drain_timeout=0.1) as server:
        client = await server.connect()
        client.send(b"GET %s/ws HTTP/1.1\r\nHost: t\r\n%s\r\n" % (PREFIX.encode(), HANDSHAKE))
        await asyncio.wait_for(begun.wait(), SECONDS)
        await server.stop()
        answer = await client.answer()
        assert (answer.status, dict(answer.headers)[b"retry-after"]) == (503, b"1")
        await asyncio.wait_for(told.wait(), SECONDS)


async def test_the_close_of_an_application_is_answered_with_its_code() -> None:
    told: asyncio.Queue[Event] = asyncio.Queue()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4000, "reason": "enough"})
        told.put_nowait(await receive())

    async with serving_plugin(app) as server, connect(url(server)) as socket:
        assert await closed(socket) == 4000
        event = await asyncio.wait_for(told.get(), SECONDS)
    assert event == {"type": "websocket.disconnect", "code": 4000, "reason": "enough"}


# Who does not keep up


async def test_a_plugin_that_does_not_take_messages_has_its_client_not_read_and_loses_none() -> None:
    app = Slow()
    async with serving_plugin(app, websocket_held=100_000) as server:
        client = await opened(server)
        (connection,) = server.server.server_state.connections
        count = 0
        while connection.transport.is_reading():
            client.send(frame(BINARY, b"%05d" % count + bytes(1000)))
            count += 1
            await asyncio.sleep(0)
        assert held(server) <= 100_000
        client.send(frame(CLOSE, (1001).to_bytes(2, "big")))
        app.go_on.set()
        await asyncio.wait_for(app.ended.wait(), SECONDS)
        assert [event["bytes"][:5] for event in app.events[:-1]] == [b"%05d" % number for number in range(count)]
        assert app.events[-1]["code"] == 1001
        assert await close_code(client) == 1001
        await eventually(lambda: not server.connections)


@pytest.mark.parametrize("fragmented", [False, True], ids=["in one frame each", "in several"])
async def test_compressed_messages_that_nobody_takes_are_not_inflated_beyond_what_may_be_held(fragmented: bool) -> None:
    app = Slow()
    async with serving_plugin(app, websocket_held=300_000) as server:
        client = await opened(server, COMPRESSING)
        message = frame(BINARY, compressed(100_000), final=not fragmented, first=COMPRESSED)
        client.send((message + (frame(CONTINUATION, b"") if fragmented else b"")) * 10)
        if fragmented:  # the library reads all of them
            assert await close_code(client) == 1013
        else:
            await eventually(lambda: 0 < held(server) < 10_000)
        app.go_on.set()
        client.send(b"" if fragmented else frame(CLOSE, (1001).to_bytes(2, "big")))
        await asyncio.wait_for(app.ended.wait(), SECONDS)
        assert {len(event["bytes"]) for event in app.events[:-1]} <= {100_000}
        assert len(app.events) == 11 or fragmented
        assert app.events[-1]["code"] == (1013 if fragmented else 1001)


async def test_a_client_that_leaves_is_noticed_though_the_application_takes_nothing() -> None:
    app = Slow()
    async with serving_plugin(app) as server:
        client = await opened(server)
        (connection,) = server.server.server_state.connections
        while connection.transport.is_reading():
            client.send(frame(BINARY, bytes(10_000)))
            await asyncio.sleep(0)
        await client.close()
        await eventually(lambda: not server.connections)
        app.go_on.set()
        await asyncio.wait_for(app.ended.wait(), SECONDS)
        assert app.events[-1]["type"] == "websocket.disconnect"
        assert isinstance(connection, WebSocketProtocol)
        assert connection.budget.held == 0


async def test_an_application_waits_for_a_client_that_does_not_read() -> None:
    sent, stop = 0, asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await receive()
        await send({"type": "websocket.accept"})
        while not stop.is_set():
            await send({"type": "websocket.send", "bytes": b"%05d" % sent + bytes(10_000)})
            sent += 1
            await asyncio.sleep(0)
        await send({"type": "websocket.close", "code": 4001})

    async with serving_plugin(app) as server:
        client = await opened(server)
        (transport,) = server.connections
        await eventually(lambda: not transport.is_reading())  # which it is not while its client reads nothing
        assert transport.get_write_buffer_size() < 1_000_000
        stop.set()
        received = 0
        while (head := await client.exactly(2))[0] & 0x0F == BINARY:
            assert (await client.exactly(2 + 5 + 10_000))[2:7] == b"%05d" % received
            received += 1
        assert await client.exactly(head[1]) == (4001).to_bytes(2, "big")
        assert received == sent


async def test_pings_of_a_client_that_does_not_read_are_not_answered_without_end() -> None:
    async with serving_plugin(Slow()) as server:
        client = await opened(server)
        (transport,) = server.connections
        client.send(frame(PING, b"p" * 125) * 100_000)
        await eventually(lambda: not transport.is_reading())
        assert transport.get_write_buffer_size() < 2_000_000
        while client.writer.transport.get_write_buffer_size():
            await client.exactly(127)  # once it reads, it is read again
