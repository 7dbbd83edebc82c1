"""The call spoken directly, over real sockets: with itself, with gRPC's own library, and with peers that misbehave.

That a tunnel works over it in every way is test_driver's, which runs with either end of either kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from mattermost_plugin import Plugin
from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Body, End, Exchange, ResetCode, Response
from mattermost_plugin.grpc import hooks_pb2_grpc
from mattermost_plugin.grpc import tunnel_pb2 as pb
from mattermost_plugin.handshake import Handshake, tunnel_socket
from mattermost_plugin.serve_http.served import StreamServer
from mattermost_plugin.tunnel import rpc
from mattermost_plugin.tunnel.direct import (
    EARLY_MESSAGES,
    JOINED,
    WORK_IN_TURN,
    CallEnded,
    DirectMessageStream,
    DirectServer,
    connect,
)
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from mattermost_plugin.tunnel.http2 import END_STREAM, MAX_OWED, PING, PREFACE, PUSH_PROMISE, SETTINGS, UNIMPLEMENTED
from mattermost_plugin.tunnel.servicer import TunnelServicer
from servehttp.errors import LinkError, NoTunnelError
from servehttp.plugins.link import Link
from support.fronts import Hooks
from support.http2 import (
    answered_client,
    called_server,
    data,
    frame,
    frames,
    headers,
    prefixed,
    settings,
    window_update,
)
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.plugin_host import serving
from support.tunnels import (
    GET,
    IMPATIENT,
    Ends,
    collect,
    direct_gateway,
    direct_plugin,
    direct_server,
    grpc_gateway,
    grpc_plugin,
    hello,
    no_task_left,
    read_body,
    socket_tunnel,
)

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(15)]

METHOD = "/some.Service/Method"
REQUEST = [(":method", "POST"), (":scheme", "http"), (":path", METHOD), ("content-type", "application/grpc")]

KIB = 1024
MIB = 1024 * KIB

WAYS = {
    "direct": (direct_gateway, direct_plugin),
    "grpc-direct": (grpc_gateway, direct_plugin),
    "direct-grpc": (direct_gateway, grpc_plugin),
}


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both event loops: what they do when a socket is full, or closed, is their own."""
    return "asyncio", {"use_uvloop": request.param}


# What peers do


class Heard:
    """Remembers what a stream brings."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.resumed = asyncio.Event()

    def receive(self, message: bytes) -> int:
        self.messages.put_nowait(message)
        return 1

    def resume(self) -> None:
        self.resumed.set()


Handle = Callable[[DirectMessageStream], Awaitable[None]]


@asynccontextmanager
async def listening(handle: Handle, folder: Path, **options: float) -> AsyncIterator[tuple[DirectServer, Path]]:
    """A server of `METHOD`, and where."""
    path = folder / "direct"
    server = DirectServer(METHOD, handle, **options)
    async with no_task_left():
        await server.start(listener(path))
        try:
            yield server, path
        finally:
            await server.close()


def listener(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


async def echo(stream: DirectMessageStream) -> None:
    """Sends back each message, until the client ends its side."""

    class Echo:
        def receive(self, message: bytes) -> int:
            stream.send(message)
            return 1

        def resume(self) -> None:
            pass

    await stream.run(Echo())


async def until_it_ends(stream: DirectMessageStream) -> None:
    await stream.run(Heard())


async def ended(stream: DirectMessageStream) -> CallEnded:
    """How the server ended a call that it did not end well."""
    async with asyncio.timeout(5):
        with pytest.raises(CallEnded) as caught:
            await stream.run(Heard())
    await stream.close(1)
    return caught.value


async def assert_echoes(path: Path) -> None:
    """A whole call."""
    stream, heard = await connect(path, METHOD), Heard()
    running = asyncio.create_task(stream.run(heard))
    stream.send(b"still there?")
    async with asyncio.timeout(5):
        assert await heard.messages.get() == b"still there?"
        stream.done_writing()
        await running
    await stream.close(1)


@asynccontextmanager
async def raw(path: Path, opening: bytes = b"") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection in the test's hands."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        writer.write(opening)
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    read = b""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            while piece := await reader.read(2**16):
                read += piece
    return read


# With gRPC's own library


@pytest.mark.parametrize("way", WAYS)
async def test_either_end_may_be_of_grpcs_own_library(way: str) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        while not isinstance(part := await exchange.receive(), End):
            await exchange.send(part)
        await exchange.send(End([(b"checksum", b"1")]))

    async def ask(ends: Ends, size: int) -> None:
        body = bytes(range(251)) * (size // 251 + 1)
        exchange = ends.gateway.open(GET)
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(read_body(exchange))
            for start in range(0, len(body), 100 * KIB):
                await exchange.send(Body(body[start : start + 100 * KIB]))
            await exchange.send(End())
        assert answer.result() == body

    async with socket_tunnel(*WAYS[way])(serve) as ends, asyncio.TaskGroup() as group:
        for size in (0, 1, 70 * KIB, 5 * MIB, 5 * MIB):
            group.create_task(ask(ends, size))


@pytest.mark.parametrize("way", WAYS)
async def test_the_end_in_order_is_ok_at_either_end(way: str) -> None:
    async with socket_tunnel(*WAYS[way])(lambda exchange: exchange.send(Response(204), End())) as ends:
        assert (await collect(ends.gateway.open(GET, End())))[0] == Response(204, [])
        await ends.hang_up()
        assert await ends.ended() == [None]


async def test_a_grpc_client_is_answered_message_by_message(tmp_path: Path) -> None:
    async with listening(echo, tmp_path) as (_, path), grpc.aio.insecure_channel(f"unix:{path}") as channel:
        call: Any = channel.stream_stream(METHOD)()
        for size in (0, 1, 20 * KIB, 3 * MIB):
            await call.write(bytes(size))
            assert await call.read() == bytes(size)
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_a_grpc_client_learns_that_nothing_else_is_served(tmp_path: Path) -> None:
    async with listening(echo, tmp_path) as (_, path), grpc.aio.insecure_channel(f"unix:{path}") as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/another.Service/Method")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"x")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == "/another.Service/Method is not served here"


async def test_a_grpc_client_that_cancels_ends_its_call(tmp_path: Path) -> None:
    failures: asyncio.Queue[CallEnded] = asyncio.Queue()

    async def handle(stream: DirectMessageStream) -> None:
        stream.send(b"begun")
        try:
            await stream.run(Heard())
        except CallEnded as error:
            failures.put_nowait(error)

    async with listening(handle, tmp_path) as (_, path), grpc.aio.insecure_channel(f"unix:{path}") as channel:
        call: Any = channel.stream_stream(METHOD)()
        assert await call.read() == b"begun"
        call.cancel()
        async with asyncio.timeout(5):
            assert (await failures.get()).status == grpc.StatusCode.CANCELLED.value[0]


async def test_a_grpc_server_without_the_method_says_so_to_us(tmp_path: Path) -> None:
    server = grpc.aio.server()
    server.add_insecure_port(f"unix:{tmp_path}/grpc")
    await server.start()
    stream = await connect(tmp_path / "grpc", METHOD)
    assert (await ended(stream)).status == UNIMPLEMENTED
    await server.stop(None)


async def test_a_grpc_server_that_stops_ends_our_call(tmp_path: Path) -> None:
    async with grpc_plugin(TunnelServicer(until_asked, IMPATIENT)) as (path, lose):
        stream = await connect(path, rpc.CONNECT)
        heard = Heard()
        running = asyncio.create_task(stream.run(heard))
        stream.send(hello().SerializeToString())
        async with asyncio.timeout(5):
            await heard.messages.get()
            await lose()
            with pytest.raises(CallEnded):
                await running
        await stream.close(1)


async def until_asked(exchange: Exchange) -> None:
    await exchange.receive()


# With ourselves


async def test_nothing_else_is_served(tmp_path: Path) -> None:
    async with listening(echo, tmp_path) as (_, path):
        error = await ended(await connect(path, "/another"))
        assert (error.status, str(error)) == (UNIMPLEMENTED, "/another is not served here")


async def test_a_path_of_any_length_is_refused_in_few_words(tmp_path: Path) -> None:
    async with listening(echo, tmp_path) as (_, path):
        assert (await ended(await connect(path, "/" + "x" * 20_000))).status == UNIMPLEMENTED


async def test_nobody_listens_where_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await connect(tmp_path / "direct", METHOD)


async def test_to_send_says_when_to_wait_and_when_to_go_on(tmp_path: Path) -> None:
    states: asyncio.Queue[str] = asyncio.Queue()

    async def handle(stream: DirectMessageStream) -> None:
        heard = Heard()
        running = asyncio.create_task(stream.run(heard))
        await asyncio.sleep(0)
        assert heard.resumed.is_set(), "it can be written from the beginning"
        heard.resumed.clear()
        while stream.send(bytes(100 * KIB)):
            pass
        states.put_nowait("full")
        await heard.resumed.wait()
        states.put_nowait("resumed")
        await running

    window = settings(window=2**31 - 1) + window_update(2**30, 0)
    async with listening(handle, tmp_path) as (_, path), raw(path, PREFACE + window + headers(REQUEST)) as (reader, _w):
        async with asyncio.timeout(5):
            assert await states.get() == "full"
            assert states.empty()
            while states.empty():
                await reader.read(2**16)


@pytest.mark.parametrize("size", [JOINED // 2, JOINED, 64 * KIB, MIB])
async def test_what_is_sent_to_a_peer_that_does_not_read_is_bounded_by_one_message(size: int) -> None:
    ours, theirs = socket.socketpair()
    call = called_server(settings(window=2**31 - 1) + window_update(2**30, 0))
    with theirs:
        theirs.settimeout(5)
        _, stream = await asyncio.get_running_loop().create_connection(lambda: DirectMessageStream(call), sock=ours)
        transport = stream._transport
        assert transport is not None
        while stream.send(bytes(size)):
            assert transport.get_write_buffer_size() == 0, "what it takes has left"
        assert 0 < transport.get_write_buffer_size() <= size + 100
        stream.drop()
        await stream.closed


class Turns:
    """Counts the event loop's turns, and in which one each message came; each is as much work as one turn takes."""

    def __init__(self) -> None:
        self.now = 0
        self.of_messages: list[int] = []

    def receive(self, message: bytes) -> int:
        self.of_messages.append(self.now)
        return WORK_IN_TURN

    def resume(self) -> None:
        pass

    async def count(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.now += 1


@pytest.mark.parametrize("gone", [False, True])
async def test_messages_that_are_much_work_leave_turns_to_others(gone: bool) -> None:
    ours, theirs = socket.socketpair()
    turns = Turns()
    with theirs:
        call = called_server()
        _, stream = await asyncio.get_running_loop().create_connection(lambda: DirectMessageStream(call), sock=ours)
        counting = asyncio.create_task(turns.count())
        running = asyncio.create_task(stream.run(turns))
        await asyncio.sleep(0)
        theirs.sendall(b"".join(data(prefixed(b"%d" % number)) for number in range(10)) + data(b"", END_STREAM))
        if gone:
            theirs.close()
        async with asyncio.timeout(5):
            await running
        counting.cancel()
        stream.drop()
        await stream.closed
    assert len(set(turns.of_messages)) == len(turns.of_messages) == 10


async def pinged(stream: DirectMessageStream, peer: socket.socket, asked: bytes) -> int:
    """How much a peer could say until it was not heard any more, or a megabyte."""
    loop, sent = asyncio.get_running_loop(), 0
    while not stream.over.done() and sent < MIB:
        sent += len(asked)
        with contextlib.suppress(OSError):
            await loop.sock_sendall(peer, asked)
        for _ in range(5):
            await asyncio.sleep(0)
    return sent


ASKED = {
    "pings": frame(PING, b"12345678"),
    "settings": frame(SETTINGS),
    "streams": headers(REQUEST, stream=3),
    "data on a refused stream": data(b"x", stream=3),
}


@pytest.mark.parametrize(
    ("asked", "at_client"),
    [(asked, at_client) for asked in ASKED for at_client in (False, True) if not (at_client and asked == "streams")],
)
async def test_a_peer_that_asks_and_does_not_read_is_not_heard_further(asked: str, at_client: bool) -> None:
    ours, theirs = socket.socketpair()
    call = answered_client() if at_client else called_server()
    with theirs:
        theirs.setblocking(False)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        _, stream = await asyncio.get_running_loop().create_connection(lambda: DirectMessageStream(call), sock=ours)
        transport = stream._transport
        assert transport is not None
        async with asyncio.timeout(5):
            assert await pinged(stream, theirs, ASKED[asked] * 100) < MIB
        with pytest.raises(RemoteProtocolError, match="does not read"):
            await stream.run(Heard())
        assert transport.get_write_buffer_size() < 2 * MAX_OWED
        stream.drop()
        await stream.closed


async def test_what_waits_for_a_window_is_sent_with_the_status_behind_it(tmp_path: Path) -> None:
    async def handle(stream: DirectMessageStream) -> None:
        assert not stream.send(b"0123456789")
        await stream.finish(5, "as promised", 5)

    opening = PREFACE + settings(window=10) + headers(REQUEST)
    async with listening(handle, tmp_path) as (_, path), raw(path, opening) as (reader, writer):
        read = b""
        while prefixed(b"0123456789")[:10] not in read:
            read += await reader.read(2**16)
        writer.write(window_update(100, 1))
        while b"as promised" not in read:
            read += await reader.read(2**16)
    rest, _goaway, trailers = frames(read)[-3:]
    assert rest.payload == prefixed(b"0123456789")[10:]
    assert trailers.fields == {"grpc-status": "5", "grpc-message": "as promised"}


async def test_a_peer_that_gives_no_window_is_not_waited_for_long(tmp_path: Path) -> None:
    async def handle(stream: DirectMessageStream) -> None:
        stream.send(b"0123456789")
        await stream.finish(5, "", 0.05)

    opening = PREFACE + settings(window=10) + headers(REQUEST)
    async with listening(handle, tmp_path) as (_, path), raw(path, opening) as (reader, _writer):
        assert b"grpc-status" not in await read_to_end(reader)


async def test_messages_before_anybody_listens_are_kept_but_not_many(tmp_path: Path) -> None:
    counts = [EARLY_MESSAGES, EARLY_MESSAGES + 1]

    async def handle(stream: DirectMessageStream) -> None:
        for number in range(counts.pop(0)):
            stream.send(b"%d" % number)
        await stream.run(Heard())

    async with listening(handle, tmp_path) as (_, path):
        stream, heard = await connect(path, METHOD), Heard()
        await asyncio.sleep(0.05)  # nothing tells that they have come
        running = asyncio.create_task(stream.run(heard))
        async with asyncio.timeout(5):
            assert [await heard.messages.get() for _ in range(EARLY_MESSAGES)] == [
                b"%d" % number for number in range(EARLY_MESSAGES)
            ]
        stream.done_writing()
        await running
        await stream.close(1)

        stream = await connect(path, METHOD)
        async with asyncio.timeout(5):
            await asyncio.wait((stream.over,))
            with pytest.raises(RemoteProtocolError, match="before the hello was answered"):
                await stream.run(Heard())
        await stream.close(1)


async def test_nothing_is_handed_over_once_run_has_ended(tmp_path: Path) -> None:
    async with listening(echo, tmp_path) as (_, path):
        stream, heard = await connect(path, METHOD), Heard()
        running = asyncio.create_task(stream.run(heard))
        stream.send(b"first")
        async with asyncio.timeout(5):
            await heard.messages.get()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        stream.send(b"second")
        stream.done_writing()
        async with asyncio.timeout(5):
            await stream.closed
        assert heard.messages.empty()
        await stream.close(1)


# Peers that misbehave


@pytest.mark.parametrize("said", [b"", PREFACE[:10], PREFACE, PREFACE + frame(4)])
async def test_a_client_that_calls_nothing_is_dropped(tmp_path: Path, said: bytes) -> None:
    async with listening(echo, tmp_path, call_timeout=0.05) as (_, path), raw(path, said) as (reader, _w):
        await read_to_end(reader)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        bytes(100_000),
        PREFACE + bytes(range(256)) * 3,
        PREFACE + frame(PUSH_PROMISE, bytes(4), 4, 1),
        PREFACE + headers([(":path", "/")]),
    ],
)
async def test_garbage_is_hung_up_on_and_harms_nobody(tmp_path: Path, garbage: bytes) -> None:
    async with listening(echo, tmp_path) as (_, path), raw(path, garbage) as (reader, _w):
        await read_to_end(reader)
        await assert_echoes(path)


async def test_garbage_in_the_middle_of_a_call_ends_it_alone(tmp_path: Path) -> None:
    failures: asyncio.Queue[Exception] = asyncio.Queue()

    async def handle(stream: DirectMessageStream) -> None:
        try:
            await echo(stream)
        except RemoteProtocolError as error:
            failures.put_nowait(error)

    opening = PREFACE + frame(4) + headers(REQUEST)
    async with listening(handle, tmp_path) as (_, path), raw(path, opening) as (reader, writer):
        writer.write(data(b"\1\0\0\0\0"))
        await read_to_end(reader)
        assert "compressed" in str(failures.get_nowait())
        await assert_echoes(path)


async def test_a_client_that_vanishes_ends_its_call(tmp_path: Path) -> None:
    failures: asyncio.Queue[CallEnded] = asyncio.Queue()

    async def handle(stream: DirectMessageStream) -> None:
        try:
            await stream.run(Heard())
        except CallEnded as error:
            failures.put_nowait(error)

    async with listening(handle, tmp_path) as (_, path):
        async with raw(path, PREFACE + frame(4) + headers(REQUEST)) as (reader, _):
            await reader.readexactly(9)
        async with asyncio.timeout(5):
            error = await failures.get()
        assert error.status is None
        assert "the connection was" in str(error)


async def test_a_fault_of_our_own_ends_its_call_and_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    faults = [LookupError("ours")]

    async def handle(stream: DirectMessageStream) -> None:
        if faults:
            raise faults.pop()
        await echo(stream)

    async with listening(handle, tmp_path) as (_, path):
        error = await ended(await connect(path, METHOD))
        assert (error.status, str(error)) == (grpc.StatusCode.INTERNAL.value[0], "the server failed")
        assert "LookupError: ours" in caplog.text
        await assert_echoes(path)


# The end of the server


async def test_the_servers_close_ends_calls_and_leaves_no_task(tmp_path: Path) -> None:
    async with listening(until_it_ends, tmp_path) as (server, path), raw(path) as (silent, _w):
        streams = [await connect(path, METHOD) for _ in range(3)]
        runs = [asyncio.create_task(stream.run(Heard())) for stream in streams]
        await asyncio.sleep(0.01)
        await server.close()
        async with asyncio.timeout(5):
            await asyncio.wait(runs)
        await asyncio.gather(*runs, return_exceptions=True)
        for stream in streams:
            await stream.close(1)
        await read_to_end(silent)
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):  # Python 3.13 removes the socket
            await connect(path, METHOD)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("turns", range(8))
async def test_a_client_that_comes_while_the_server_closes_leaves_no_task(tmp_path: Path, turns: int) -> None:
    """Between the connection and its first byte are several turns of the loop.

    asyncio itself forgets a connection that it accepts in the very turn in which it stops to listen, with a warning.
    """
    async with listening(until_it_ends, tmp_path) as (server, path):
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            client.connect(str(path))
            for _ in range(turns):
                await asyncio.sleep(0)
            closing = asyncio.create_task(server.close())
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await closing
    gc.collect()


async def test_the_servers_close_does_not_wait_for_a_peer_that_does_not_read(tmp_path: Path) -> None:
    full = asyncio.Event()

    async def handle(stream: DirectMessageStream) -> None:
        while stream.send(bytes(100 * KIB)):
            pass
        full.set()
        await stream.run(Heard())

    window = settings(window=2**31 - 1) + window_update(2**30, 0)
    async with listening(handle, tmp_path) as (server, path), raw(path, PREFACE + window + headers(REQUEST)):
        async with asyncio.timeout(5):
            await full.wait()
            await server.close()


# The tunnel over it


VIOLATIONS = [
    ([hello(min_version=2, max_version=3)], grpc.StatusCode.FAILED_PRECONDITION, "the peer 2 to 3"),
    ([hello(), hello()], grpc.StatusCode.INVALID_ARGUMENT, "a second hello"),
    ([pb.Message()], grpc.StatusCode.INVALID_ARGUMENT, "the first message has no hello"),
    ([hello(), b"\xff\xff\xff"], grpc.StatusCode.INVALID_ARGUMENT, "no message"),
    ([], grpc.StatusCode.INVALID_ARGUMENT, "the stream ended before the hello"),
]


@pytest.mark.parametrize(("messages", "status", "text"), VIOLATIONS)
async def test_a_violation_is_named_to_the_gateway(
    messages: Sequence[pb.Message | bytes], status: grpc.StatusCode, text: str
) -> None:
    async with no_task_left(), direct_server(TunnelServicer(until_asked, IMPATIENT)) as path:
        stream = await connect(path, rpc.CONNECT)
        for message in messages:
            stream.send(message if isinstance(message, bytes) else message.SerializeToString())
        if not messages:
            stream.done_writing()
        error = await ended(stream)
        assert error.status == status.value[0]
        assert text in str(error)


@pytest.mark.parametrize(("messages", "status", "text"), VIOLATIONS)
async def test_a_violation_is_named_to_a_gateway_on_grpcs_library(
    messages: Sequence[pb.Message | bytes], status: grpc.StatusCode, text: str
) -> None:
    async with (
        no_task_left(),
        direct_server(TunnelServicer(until_asked, IMPATIENT)) as path,
        grpc.aio.insecure_channel(f"unix:{path}") as channel,
    ):
        call = rpc.connect(channel)
        for message in messages:
            await call.write(message if isinstance(message, bytes) else message.SerializeToString())
        if not messages:
            await call.done_writing()
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for _ in call:
                pass
        assert await call.code() is status
        assert text in await call.details()


async def test_a_violation_of_http2_is_one_of_the_tunnels(caplog: pytest.LogCaptureFixture) -> None:
    request = [(name, rpc.CONNECT if name == ":path" else value) for name, value in REQUEST]
    said = PREFACE + frame(4) + headers(request) + frame(PUSH_PROMISE, bytes(4), 4, 1)
    async with (
        no_task_left(),
        direct_server(TunnelServicer(until_asked, IMPATIENT)) as path,
        raw(path, said) as (reader, _),
    ):
        trailers = frames(await read_to_end(reader))[-1].fields
    assert trailers == {"grpc-status": "3", "grpc-message": "a pushed stream"}
    assert "a gateway broke the tunnel's protocol: a pushed stream" in caplog.text


async def test_a_gateway_that_leaves_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with no_task_left(), direct_server(TunnelServicer(until_asked, IMPATIENT)) as path:
            stream = await connect(path, rpc.CONNECT)
            heard = Heard()
            running = asyncio.create_task(stream.run(heard))
            stream.send(hello().SerializeToString())
            async with asyncio.timeout(5):
                await heard.messages.get()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await stream.close(1)
    assert caplog.records == []


# The gateway's choice


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"by gRPC"})


@asynccontextmanager
async def plugin_at(path: Path, *, tunnel: bool = True) -> AsyncIterator[str]:
    """A plugin that serves all at its address; the target."""
    adapter = ASGIAdapter(application)
    streams = StreamServer(adapter.serve)
    server = grpc.aio.server()
    if tunnel:
        TunnelServicer(adapter.serve).add_to_server(server)
    hooks_pb2_grpc.add_PluginHooksServicer_to_server(Hooks(streams), server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        yield f"unix:{path}"
    finally:
        await server.stop(None)
        await streams.close()


@asynccontextmanager
async def beside(target: str, handle: Handle) -> AsyncIterator[None]:
    """Something that takes the tunnel's call beside a plugin's address."""
    path = tunnel_socket(target)
    assert path is not None
    server = DirectServer(rpc.CONNECT, handle)
    await server.start(listener(path))
    try:
        yield
    finally:
        await server.close()


async def ask(link: Link) -> bytes:
    exchange = await link.open(GET)
    await exchange.send(End())
    async with asyncio.timeout(5):
        return await read_body(exchange)


async def test_the_gateway_calls_directly_where_it_can(tmp_path: Path) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200), Body(b"directly"), End())
        exchange.reset(ResetCode.NO_ERROR)

    servicer = TunnelServicer(serve, IMPATIENT)
    async with no_task_left(), plugin_at(tmp_path / "s") as target:
        path = tunnel_socket(target)
        assert path is not None
        await servicer.listen(listener(path))
        link = await Link.connect(target, timeout=5)
        assert link.transport == "tunnel"
        assert await ask(link) == b"directly"
        await servicer.close()
        async with asyncio.timeout(5):
            assert await link.wait_lost() == "the plugin closed the tunnel"
        await link.close()


@pytest.mark.parametrize("stale", [False, True])
async def test_the_gateway_calls_by_grpc_where_nobody_listens_beside(tmp_path: Path, stale: bool) -> None:
    async with no_task_left(), plugin_at(tmp_path / "s") as target:
        if stale:
            path = tunnel_socket(target)
            assert path is not None
            listener(path).close()
        link = await Link.connect(target, timeout=5)
        assert link.transport == "tunnel"
        assert await ask(link) == b"by gRPC"
        await link.close()


async def test_the_gateway_uses_the_contracts_own_way_where_the_tunnel_is_unknown_beside(tmp_path: Path) -> None:
    async def refuse(stream: DirectMessageStream) -> None:
        await stream.finish(UNIMPLEMENTED, "", 1)

    async with no_task_left(), plugin_at(tmp_path / "s", tunnel=False) as target, beside(target, refuse):
        link = await Link.connect(target, timeout=5)
        assert link.transport == "servehttp"
        assert await ask(link) == b"by gRPC"
        await link.close()
        with pytest.raises(NoTunnelError):
            await Link.connect(target, transport="tunnel", timeout=5)


async def test_the_gateway_says_why_there_is_no_tunnel(tmp_path: Path) -> None:
    async def refuse(stream: DirectMessageStream) -> None:
        await stream.finish(grpc.StatusCode.FAILED_PRECONDITION.value[0], "versions 2 to 3 only", 1)

    async with no_task_left(), plugin_at(tmp_path / "s") as target, beside(target, refuse):
        with pytest.raises(LinkError, match="the tunnel broke: versions 2 to 3 only"):
            await Link.connect(target, timeout=5)


async def test_the_gateway_does_not_wait_for_a_hello_for_ever(tmp_path: Path) -> None:
    async with no_task_left(), plugin_at(tmp_path / "s") as target, beside(target, until_it_ends):
        with pytest.raises(LinkError, match=r"no tunnel within 0\.1 s"):
            await Link.connect(target, timeout=0.1)


async def test_the_gateway_connects_only_to_processes_of_the_plugins_session(tmp_path: Path) -> None:
    async with no_task_left(), plugin_at(tmp_path / "s") as target:
        link = await Link.connect(target, timeout=5, session=os.getsid(0))
        assert await ask(link) == b"by gRPC"
        await link.close()
        with stranger(tmp_path / "other") as other:
            said = f"{tmp_path / 's'} is listened at by process {os.getpid()} of user {os.getuid()}, which is not"
            with pytest.raises(LinkError, match=said):
                await Link.connect(target, timeout=5, session=other)


async def test_who_takes_the_place_of_the_socket_beside_a_plugin_is_not_connected_to(tmp_path: Path) -> None:
    async with no_task_left(), plugin_at(tmp_path / "s") as target:
        path = tunnel_socket(target)
        assert path is not None
        with stranger(path) as other, pytest.raises(LinkError, match=f"{path} is listened at by process {other} "):
            await Link.connect(target, timeout=5, session=os.getsid(0))


async def test_what_is_attached_may_be_of_any_session(tmp_path: Path) -> None:
    async with no_task_left(), plugin_at(tmp_path / "s") as target:
        await (await Link.connect(target, timeout=5)).close()


@contextmanager
def stranger(path: Path) -> Iterator[int]:
    """A process in a session of its own that listens at a socket."""
    code = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print()
connections = []
while True: connections.append(listener.accept())
"""
    command = [sys.executable, "-I", "-S", "-u", "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


async def test_the_gateway_says_how_a_plugin_broke_the_protocol(tmp_path: Path) -> None:
    async def rubbish(stream: DirectMessageStream) -> None:
        stream.send(hello().SerializeToString())
        stream.send(b"\xff\xff\xff")
        await stream.run(Heard())

    async with no_task_left(), plugin_at(tmp_path / "s") as target, beside(target, rubbish):
        link = await Link.connect(target, timeout=5)
        async with asyncio.timeout(5):
            assert "the plugin broke the tunnel's protocol" in await link.wait_lost()
        await link.close()


# The plugin's sockets


async def test_the_socket_beside_is_the_owners_alone_and_gone_after_the_stop(tmp_path: Path) -> None:
    address = Handshake("unix", str(tmp_path / "s"))
    path = tunnel_socket(address.target)
    assert path is not None
    async with serving(Plugin(), address=address) as (server, _):
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == stat.S_IRWXU
        stream = await connect(path, rpc.CONNECT)
        stream.send(hello().SerializeToString())
        running = asyncio.create_task(stream.run(Heard()))
        await server.stop(0)
        async with asyncio.timeout(5):
            await asyncio.wait((running,))
        assert running.exception() is None
        await stream.close(1)
    assert os.listdir(tmp_path) == []


async def test_a_socket_that_was_left_beside_is_replaced(tmp_path: Path) -> None:
    address = Handshake("unix", str(tmp_path / "s"))
    path = tunnel_socket(address.target)
    assert path is not None
    listener(path).close()
    async with serving(Plugin(), address=address):
        stream = await connect(path, rpc.CONNECT)
        await stream.close(1)


async def test_a_file_beside_that_is_no_socket_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    address = Handshake("unix", str(tmp_path / "s"))
    path = tunnel_socket(address.target)
    assert path is not None
    path.write_text("somebody's")
    async with serving(Plugin(), address=address) as (server, _):
        assert "the tunnel has no socket of its own" in caplog.text
        link = await Link.connect(server.address.target, timeout=5)
        assert link.transport == "tunnel"
        await link.close()
    assert path.read_text() == "somebody's"


async def test_an_address_too_long_for_one_beside_is_served_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / ("f" * (100 - len(str(tmp_path))))
    folder.mkdir()
    async with serving(Plugin(), address=Handshake("unix", f"{folder}/s")) as (server, _):
        assert [path.name for path in folder.iterdir()] == ["s"]
        link = await Link.connect(server.address.target, timeout=5)
        assert link.transport == "tunnel"
        await link.close()


async def test_a_port_has_nothing_beside_it() -> None:
    assert tunnel_socket("127.0.0.1:7000") is None
    async with serving(Plugin()) as (server, _):
        link = await Link.connect(server.address.target, timeout=5)
        assert link.transport == "tunnel"
        await link.close()
