"""Plays the same exchange over the fast path and over the ASGI path, and tells what everybody saw of it.

The client is a real socket; the plugin is the test, at the other end of a tunnel in memory.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import h11
from structlog.testing import capture_logs

from mattermost_plugin.exchange import Body, End, Exchange, Informational, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.tunnel.driver import Tunnel
from mattermost_plugin.tunnel.message_stream import CallMessageStream
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.tunnel.states import Half
from servehttp.figures import Figures
from servehttp.front.application import Front
from servehttp.front.peers import TrustedProxies
from servehttp.front.server import make_server
from servehttp.front.settings import ForwardLimits, FrontSettings
from servehttp.plugins.link import Link
from servehttp.plugins.transports import TunnelTransport
from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.limits import LimitSettings
from servehttp.settings.server import ServerSettings
from support.figures import difference, how_many
from support.fronts import Handle, Plugins, http_server
from support.hook_calls import unconnected
from support.patience import PATIENCE
from support.tunnels import memory_streams

LIMIT = 40
"""Bytes that a request's body may have."""
PATH = "/plugins/p/x"
LOGGED = ("status", "plugin", "bytes_in", "bytes_out", "problem")
OF_EACH_REQUEST = (b"date", b"x-request-id")


# What is played


@dataclass(frozen=True)
class Send:
    """The client sends a piece of the body."""

    size: int


@dataclass(frozen=True)
class Finish:
    """The client's body is complete."""


@dataclass(frozen=True)
class Leave:
    """The client goes away, so that it can be seen (RST)."""


@dataclass(frozen=True)
class HalfClose:
    """The client sends no more, and waits for its answer."""


@dataclass(frozen=True)
class Inform:
    """The plugin sends an interim response."""

    status: int


@dataclass(frozen=True)
class Start:
    """The plugin begins its response."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class Piece:
    """The plugin sends a piece of its body."""

    size: int


@dataclass(frozen=True)
class Complete:
    """The plugin's body is complete."""


@dataclass(frozen=True)
class Abort:
    """The plugin resets the exchange."""

    code: ResetCode


PLUGIN_STEPS = (Inform, Start, Piece, Complete, Abort)
Step: TypeAlias = Send | Finish | Leave | HalfClose | Inform | Start | Piece | Complete | Abort


@dataclass(frozen=True)
class Play:
    """One exchange.

    Attributes:
        length: the declared length of the request's body: None for chunks, 0 for no body at all.
        steps: what happens after the head was sent.
        burst: the plugin's steps follow one another at once; otherwise each waits until the client has seen it.
    """

    method: str
    length: int | None
    steps: tuple[Step, ...]
    burst: bool = False


# What is seen


@dataclass
class ClientSaw:
    """The response, as the client's parser took it; `end` says how it ended, and what can follow it."""

    interim: list[int] = field(default_factory=list)
    status: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    end: str = ""


@dataclass
class PluginSaw:
    """One offer of the request."""

    request: tuple[object, ...]
    body: bytes = b""
    complete: bool = False
    reset: tuple[ResetCode, str] | None = None


@dataclass
class Saw:
    """What everybody saw of one exchange."""

    client: ClientSaw
    plugin: list[PluginSaw]
    log: dict[str, object]
    counted: dict[tuple[str, ...], float]


@dataclass
class Path:
    """A running front that takes requests by one of its paths."""

    port: int
    exchanges: asyncio.Queue[tuple[Exchange, asyncio.Event]]
    figures: Figures


@asynccontextmanager
async def path(*, direct: bool, timeout: float = 10, body_timeout: float = 10, **limits: int) -> AsyncIterator[Path]:
    """A front whose plugin is the test.

    Args:
        direct: whether requests take the fast path.
        timeout: seconds for the plugin to begin its response, and between two parts of it.
        body_timeout: seconds between two pieces of a request's body.
        limits: further ones, by their names in the settings.
    """
    exchanges: asyncio.Queue[tuple[Exchange, asyncio.Event]] = asyncio.Queue()

    async def serve(exchange: Exchange) -> None:
        over = asyncio.Event()
        exchanges.put_nowait((exchange, over))
        await over.wait()

    gateway_end, plugin_end = memory_streams(depth=64)
    settings = TunnelSettings(linger=0.1)
    plugin = Tunnel(Half.PLUGIN, CallMessageStream(plugin_end), serve=serve, settings=settings)
    running = asyncio.create_task(plugin.run())
    transport = TunnelTransport(CallMessageStream(gateway_end), settings)
    link = Link(unconnected(), transport, frozenset(("ServeHTTP",)))
    try:
        front = Front(
            Plugins({"p": Handle(link)}),  # type: ignore[arg-type]  # a registry's shape
            FrontSettings(ForwardLimits(timeout, timeout, LIMIT), 100, TrustedProxies(()), access_log=True),
        )
        set_limits = LimitSettings.model_validate(
            {"first_byte_timeout": timeout, "idle_timeout": timeout, "body_timeout": body_timeout, **limits}
        )
        served = GatewaySettings(limits=set_limits, server=ServerSettings(drain_timeout=1, http="httptools"))
        server = make_server(front, served, front if direct else None)
        server.config.lifespan = "off"
        async with http_server(server) as port:
            yield Path(port, exchanges, front.admission.ledger.figures)
    finally:
        await link.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class Scene:
    """One exchange on its way."""

    def __init__(self, path: Path, play: Play) -> None:
        self._path = path
        self._play = play
        self._changed = asyncio.Event()
        self._saw = ClientSaw()
        self._offers: list[PluginSaw] = []
        self._exchange: Exchange | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._overs: list[asyncio.Event] = []
        self._sent = 0
        self._piped = 0
        self._finished = play.length == 0
        self._http = h11.Connection(h11.CLIENT)
        self._http.send(h11.Request(method=play.method, target=PATH, headers=[("Host", "a")]))
        self._http.send(h11.EndOfMessage())

    async def run(self) -> Saw:
        """Play it to its end."""
        before = how_many(self._path.figures)
        with capture_logs(processors=[self._notify]) as logs:
            async with asyncio.timeout(PATIENCE):
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._path.port)
                self._writer.write(self._head())
                self._tasks += [asyncio.create_task(self._watch()), asyncio.create_task(self._take_exchanges())]
                try:
                    await self._steps()
                    await self._until(lambda: bool(self._saw.end))
                    await self._until(lambda: any("bytes_in" in log for log in logs))
                    await self._until(self._is_over_for_the_plugin)
                    if self._saw.end == "complete":
                        self._saw.end = await self._what_follows()
                finally:
                    await self._clean_up()
        line = next(log for log in logs if log["event"].endswith(PATH))
        counted = difference(how_many(self._path.figures), before)
        return Saw(self._saw, self._offers, {name: line.get(name) for name in LOGGED}, counted)

    async def _clean_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for over in self._overs:
            over.set()
        self._writer.transport.abort()

    # The steps

    async def _steps(self) -> None:
        steps = self._play.steps
        if (self._play.length or 0) <= LIMIT:  # otherwise it goes to no plugin
            await self._until(lambda: self._exchange is not None)
        for step, following in zip(steps, [*steps[1:], None], strict=False):
            await self._step(step)
            at_once = self._play.burst and isinstance(step, PLUGIN_STEPS) and isinstance(following, PLUGIN_STEPS)
            if following is not None and not at_once:
                await self._until(lambda step=step: self._is_seen(step))  # type: ignore[misc]

    async def _step(self, step: Step) -> None:
        match step:
            case Send(size):
                self._sent += size
                data = bytes(size)
                self._writer.write(data if self._play.length else b"%x\r\n%b\r\n" % (size, data))
            case Finish():
                self._finished = True
                self._writer.write(b"" if self._play.length else b"0\r\n\r\n")
            case HalfClose():
                self._writer.write_eof()
            case Leave():
                self._leave()
            case _:
                assert self._exchange is not None
                await play_plugin(self._exchange, step)
                self._piped += step.size if isinstance(step, Piece) else 0

    def _is_seen(self, step: Step) -> bool:
        """Whether the other side has seen a step."""
        match step:
            case Send():
                return bool(self._offers) and len(self._offers[-1].body) >= self._sent
            case Finish():
                return bool(self._offers) and self._offers[-1].complete
            case Start():
                return self._saw.status is not None
            case Piece():
                return len(self._saw.body) >= self._piped or self._is_bodiless()
        return True

    def _is_bodiless(self) -> bool:
        return self._play.method == "HEAD" or self._saw.status in (204, 304)

    def _head(self) -> bytes:
        framing = {None: b"Transfer-Encoding: chunked\r\n", 0: b""}.get(
            self._play.length, b"Content-Length: %d\r\n" % (self._play.length or 0)
        )
        return b"%b %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (self._play.method.encode(), PATH.encode(), framing)

    def _leave(self) -> None:
        self._saw = ClientSaw(end="left")
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    # The client

    async def _watch(self) -> None:
        """Take the response as it comes."""
        saw = self._saw
        while not saw.end:
            try:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    self._http.receive_data(await self._reader.read(65536))
            except (h11.RemoteProtocolError, ConnectionError):
                event = h11.ConnectionClosed()
            if isinstance(event, h11.InformationalResponse):
                saw.interim.append(event.status_code)
            elif isinstance(event, h11.Response):
                saw.status = event.status_code
                saw.headers = [header for header in event.headers if header[0] not in OF_EACH_REQUEST]
            elif isinstance(event, h11.Data):
                saw.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                saw.end = "complete"
            elif isinstance(event, h11.ConnectionClosed):
                saw.end = "broken"
            self._changed.set()
        self._hide_request_id()

    def _hide_request_id(self) -> None:
        body, mark, _ = self._saw.body.partition(b'"request_id"')
        self._saw.body = body + mark

    async def _what_follows(self) -> str:
        """What can be done with the connection after a response that was complete."""
        try:
            line = await (self._rest() if self._is_last() else self._ask_again())
        except ConnectionError:
            line = b""
        return f"complete, then {line.decode() or 'closed'}"

    def _is_last(self) -> bool:
        """Whether the connection has to be closed now."""
        half_closed = any(isinstance(step, HalfClose) for step in self._play.steps)
        return half_closed or (b"connection", b"close") in self._saw.headers

    async def _rest(self) -> bytes:
        return self._http.trailing_data[0] + await self._reader.read()

    async def _ask_again(self) -> bytes:
        if not self._finished:
            self._writer.write(bytes(self._play.length - self._sent) if self._play.length else b"0\r\n\r\n")
        self._writer.write(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
        return await self._reader.readline()

    # The plugin

    async def _take_exchanges(self) -> None:
        """Read what reaches the plugin. What is offered again is refused again."""
        while True:
            exchange, over = await self._path.exchanges.get()
            self._overs.append(over)
            saw = PluginSaw(seen_of(exchange.request))
            self._offers.append(saw)
            if len(self._offers) > 1:
                exchange.reset(ResetCode.REFUSED, "as it was told")
                saw.reset = ResetCode.REFUSED, "as it was told"
            else:
                self._exchange = exchange
                self._tasks.append(asyncio.create_task(self._read(exchange, saw)))
            self._changed.set()

    async def _read(self, exchange: Exchange, saw: PluginSaw) -> None:
        try:
            while True:
                part = await exchange.receive()
                if isinstance(part, Body):
                    saw.body += part.data
                else:
                    saw.complete = isinstance(part, End)
                self._changed.set()
        except ExchangeReset as reset:
            saw.reset = reset.code, reset.reason
            self._changed.set()

    def _is_over_for_the_plugin(self) -> bool:
        ended_in_order = any(isinstance(step, Complete) for step in self._play.steps)
        return all(offer.reset is not None or (offer.complete and ended_in_order) for offer in self._offers)

    # Waiting

    def _notify(self, logger: Any, name: str, event: Any) -> Any:
        self._changed.set()
        return event

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


def seen_of(request: Request) -> tuple[object, ...]:
    """What of a request is the same however it came."""
    client = request.client[0] if request.client else None
    return request.method, request.target, request.root_length, tuple(request.headers), request.scheme, client


async def play_plugin(exchange: Exchange, step: Step) -> None:
    """One of the plugin's steps."""
    match step:
        case Inform(status):
            await exchange.send(Informational(status, [(b"link", b"</a>")]))
        case Start(status, headers):
            await exchange.send(Response(status, headers))
        case Piece(size):
            await exchange.send(Body(bytes(size)))
        case Complete():
            await exchange.send(End())
        case Abort(code):
            exchange.reset(code, "as it was told")
