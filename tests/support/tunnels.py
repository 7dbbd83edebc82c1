"""Both ends of a tunnel for tests: two bare cores, or two drivers over a stream in memory or over a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import grpc
import grpc.aio

from mattermost_plugin.exchange import Body, Close, End, Exchange, Message, Part, Request
from mattermost_plugin.grpc import tunnel_pb2 as pb
from mattermost_plugin.serve_http.streams import CallStream
from mattermost_plugin.statuses import CallFailed
from mattermost_plugin.tunnel import rpc
from mattermost_plugin.tunnel.connection import MESSAGE_SIZE, Connection
from mattermost_plugin.tunnel.decoding import decode
from mattermost_plugin.tunnel.direct import connect
from mattermost_plugin.tunnel.driver import Tunnel
from mattermost_plugin.tunnel.encoding import encode
from mattermost_plugin.tunnel.message_stream import CallMessageStream, MessageStream
from mattermost_plugin.tunnel.parts import Addressed, Drain, Hello
from mattermost_plugin.tunnel.servicer import TunnelServicer
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import FIRST_WINDOW, LARGEST_WINDOW, POOL_SIZE
from support.patience import PATIENCE

GET = Request("GET", b"/")
POST = Request("POST", b"/")
WEBSOCKET = Request("GET", b"/ws", websocket=True)

IMPATIENT = TunnelSettings(linger=0.1)
"""The default settings, but for how long applications may go on after the stream ended."""

Serve = Callable[[Exchange], Awaitable[None]]
Received = tuple[int, Part | Drain]

OTHER = {Half.GATEWAY: Half.PLUGIN, Half.PLUGIN: Half.GATEWAY}


def hello(
    *, min_version: int = 1, max_version: int = 1, window: int = FIRST_WINDOW, max_exchanges: int = 10
) -> pb.Message:
    """The message that an end begins with."""
    return pb.Message(
        hello=pb.Hello(min_version=min_version, max_version=max_version, window=window, max_exchanges=max_exchanges)
    )


class CorePair:
    """Two cores joined by a wire that the test moves by hand; every message passes the codec and becomes bytes."""

    def __init__(
        self,
        *,
        first_window: int = FIRST_WINDOW,
        largest_window: int = LARGEST_WINDOW,
        pool_size: int = POOL_SIZE,
        max_exchanges: int = 100,
    ) -> None:
        def core(half: Half) -> Connection:
            return Connection(
                half,
                first_window=first_window,
                largest_window=largest_window,
                pool_size=pool_size,
                max_exchanges=max_exchanges,
            )

        self.gateway = core(Half.GATEWAY)
        self.plugin = core(Half.PLUGIN)
        self.cores = {Half.GATEWAY: self.gateway, Half.PLUGIN: self.plugin}
        self.wire: dict[Half, deque[bytes]] = {Half.GATEWAY: deque(), Half.PLUGIN: deque()}
        """Messages under way, by who sent them."""
        self.plugin.receive_hello(_over_the_wire(Hello(first_window)))
        self.gateway.receive_hello(_over_the_wire(Hello(first_window, max_exchanges)))

    def write(self, half: Half, size: int = MESSAGE_SIZE) -> list[Addressed]:
        """Put one message of `half` on the wire; returns what is in it."""
        batch = list(self.cores[half].next_message(size))
        if batch:
            self.wire[half].append(encode(batch))
        return batch

    def read(self, half: Half) -> list[Received]:
        """`half` takes one message off the wire; returns what it is told."""
        events = []
        for id, part in decode(self.wire[OTHER[half]].popleft()):
            event = self.cores[half].receive(id, part)
            if event is not None:
                events.append((id, event))
        return events

    def move(self, sender: Half) -> list[Received]:
        """Everything that `sender` has ready, to the other side; returns what that is told."""
        events = []
        while self.write(sender):
            pass
        while self.wire[sender]:
            events += self.read(OTHER[sender])
        return events

    def to_plugin(self) -> list[Received]:
        return self.move(Half.GATEWAY)

    def to_gateway(self) -> list[Received]:
        return self.move(Half.PLUGIN)


def _over_the_wire(hello: Hello) -> Hello:
    ((_, read),) = decode(encode([(0, hello)]))
    assert isinstance(read, Hello)
    return read


class MemoryStream:
    """One end of a stream in memory, with the manners of a grpc.aio call: writes wait while the peer does not read."""

    def __init__(self, incoming: asyncio.Queue[bytes | Exception | None], outgoing: asyncio.Queue[Any]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    async def read(self) -> bytes | None:
        item = await self._incoming.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def write(self, message: bytes) -> None:
        await self._outgoing.put(message)

    @property
    def unread(self) -> int:
        """How many messages the peer has not read yet."""
        return self._outgoing.qsize()

    async def hang_up(self) -> None:
        """The end in order: the peer's `read` says so."""
        await self._outgoing.put(None)

    async def break_off(self) -> None:
        """The end out of order: the peer's `read` raises."""
        await self._outgoing.put(ConnectionResetError("the stream broke"))


def memory_streams(depth: int = 2) -> tuple[MemoryStream, MemoryStream]:
    """Both ends of one stream that holds at most `depth` messages in each direction."""
    left: asyncio.Queue[Any] = asyncio.Queue(depth)
    right: asyncio.Queue[Any] = asyncio.Queue(depth)
    return MemoryStream(left, right), MemoryStream(right, left)


class PluginEnd(Protocol):
    """What is the same in a plugin's `Tunnel` and its `TunnelServicer`."""

    @property
    def in_flight(self) -> int: ...

    @property
    def tasks(self) -> list[asyncio.Task[None]]: ...

    def drain(self) -> None: ...

    async def wait_idle(self) -> None: ...


@dataclass
class Ends:
    """A running tunnel."""

    gateway: Tunnel
    plugin: PluginEnd
    hang_up: Callable[[], Awaitable[None]]
    """The gateway ends the stream in order."""
    lose: Callable[[], Awaitable[None]]
    """The stream breaks for both."""
    runs: list[asyncio.Task[None]] = field(default_factory=list)
    """The `run` of each end that the test can see."""

    async def ended(self) -> list[BaseException | None]:
        """Waits until every `run` is over; returns what each raised."""
        async with asyncio.timeout(PATIENCE):
            return await asyncio.gather(*self.runs, return_exceptions=True)


Connect = Callable[..., AbstractAsyncContextManager[Ends]]


@asynccontextmanager
async def no_task_left() -> AsyncIterator[None]:
    """Whatever happens inside, every task that it started ends soon."""
    before = asyncio.all_tasks()
    yield
    async with asyncio.timeout(PATIENCE):
        while left := asyncio.all_tasks() - before:
            await asyncio.wait(left)


@asynccontextmanager
async def memory_tunnel(
    serve: Serve, settings: TunnelSettings | None = None, plugin_settings: TunnelSettings | None = None
) -> AsyncIterator[Ends]:
    """A tunnel over a stream in memory; `plugin_settings` are the same as the gateway's unless given."""
    settings = settings or IMPATIENT
    gateway_stream, plugin_stream = memory_streams()
    gateway = Tunnel(Half.GATEWAY, CallMessageStream(gateway_stream), settings=settings)
    plugin = Tunnel(Half.PLUGIN, CallMessageStream(plugin_stream), serve=serve, settings=plugin_settings or settings)

    async def run_plugin() -> None:
        try:
            await plugin.run()
        finally:
            await plugin_stream.hang_up()

    async def lose() -> None:
        await asyncio.gather(gateway_stream.break_off(), plugin_stream.break_off())

    async with no_task_left():
        runs = [asyncio.create_task(gateway.run()), asyncio.create_task(run_plugin())]
        try:
            async with asyncio.timeout(PATIENCE):
                await gateway.greeted()
            yield Ends(gateway, plugin, gateway_stream.hang_up, lose, runs)
        finally:
            await _end(runs)


GatewaySide = Callable[[Path], AbstractAsyncContextManager[tuple[MessageStream, Callable[[], Awaitable[None]]]]]
"""Calls at a socket; gives the call and how it is ended in order."""

PluginSide = Callable[[TunnelServicer], AbstractAsyncContextManager[tuple[Path, Callable[[], Awaitable[None]]]]]
"""Serves at a socket; gives its path and how every call there is broken."""


@asynccontextmanager
async def grpc_gateway(path: Path) -> AsyncIterator[tuple[MessageStream, Callable[[], Awaitable[None]]]]:
    """The call by gRPC's own library."""
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        call: Any = channel.stream_stream(rpc.CONNECT)()
        yield CallMessageStream(CallStream(call)), call.done_writing
        call.cancel()


@asynccontextmanager
async def direct_gateway(path: Path) -> AsyncIterator[tuple[MessageStream, Callable[[], Awaitable[None]]]]:
    """The call spoken directly."""
    stream = await connect(path, rpc.CONNECT)

    async def hang_up() -> None:
        stream.done_writing()

    yield stream, hang_up


def take_by_grpc(servicer: TunnelServicer, server: grpc.aio.Server) -> None:
    """Have gRPC's own library take the call."""

    async def connect(_: object, context: Any) -> None:
        try:
            await servicer.connect(context)
        except CallFailed as failure:
            await context.abort(grpc.StatusCode[failure.status.name], failure.details)

    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {"Connect": grpc.stream_stream_rpc_method_handler(connect)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(rpc.SERVICE, handlers),))


@asynccontextmanager
async def grpc_plugin(servicer: TunnelServicer) -> AsyncIterator[tuple[Path, Callable[[], Awaitable[None]]]]:
    """The call taken by gRPC's own library."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tunnel"
        server = grpc.aio.server()
        take_by_grpc(servicer, server)
        server.add_insecure_port(f"unix:{path}")
        await server.start()

        async def lose() -> None:
            await server.stop(0)

        try:
            yield path, lose
        finally:
            await server.stop(0)


@asynccontextmanager
async def direct_plugin(servicer: TunnelServicer) -> AsyncIterator[tuple[Path, Callable[[], Awaitable[None]]]]:
    """The call taken directly."""
    async with direct_server(servicer) as path:
        yield path, servicer.close


def socket_tunnel(call: GatewaySide, take: PluginSide) -> Connect:
    """Tunnels over a unix socket, with either end in its own way; their arguments are those of `memory_tunnel`."""

    @asynccontextmanager
    async def tunnel(
        serve: Serve, settings: TunnelSettings | None = None, plugin_settings: TunnelSettings | None = None
    ) -> AsyncIterator[Ends]:
        settings = settings or IMPATIENT
        servicer = TunnelServicer(serve, plugin_settings or settings)
        async with no_task_left(), take(servicer) as (path, lose), call(path) as (stream, hang_up):
            gateway = Tunnel(Half.GATEWAY, stream, settings=settings)
            runs = [asyncio.create_task(gateway.run())]
            try:
                async with asyncio.timeout(PATIENCE):
                    await gateway.greeted()
                yield Ends(gateway, servicer, hang_up, lose, runs)
            finally:
                await _end(runs)

    return tunnel


@asynccontextmanager
async def direct_server(servicer: TunnelServicer) -> AsyncIterator[Path]:
    """A socket at which one tunnel servicer takes the call directly."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tunnel"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        await servicer.direct.start(listener)
        try:
            yield path
        finally:
            await servicer.close()


@asynccontextmanager
async def grpc_server(servicer: TunnelServicer) -> AsyncIterator[tuple[grpc.aio.Server, str]]:
    """A real server with one tunnel servicer, and its address."""
    server = grpc.aio.server()
    take_by_grpc(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield server, f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def _end(runs: list[asyncio.Task[None]]) -> None:
    for run in runs:
        run.cancel()
    await asyncio.gather(*runs, return_exceptions=True)


async def collect(exchange: Exchange) -> list[Part]:
    """All parts of the peer up to its `End` or `Close`."""
    parts = []
    while True:
        part = await exchange.receive()
        parts.append(part)
        if isinstance(part, (End, Close)):
            return parts


async def read_body(exchange: Exchange) -> bytes:
    """The peer's body, whole."""
    return body_of(await collect(exchange))


def body_of(parts: list[Part]) -> bytes:
    """The bytes of all pieces of body or message in a list of parts."""
    return b"".join(part.data for part in parts if isinstance(part, (Body, Message)))
