"""uvicorn, set up for the gateway: limits and time-outs act below ASGI, where they act in time."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Literal

import psutil
import structlog
import uvicorn

from mattermost_plugin.tls import TLSError
from mattermost_plugin.types import ASGIApp
from servehttp.client_tls import ClientTLS
from servehttp.figures import Counts, Figures
from servehttp.front.accepting import Acceptor, Alone, OpenConnections, Secured, Turns
from servehttp.front.access_log import RequestRecord
from servehttp.front.application import Front
from servehttp.front.client_connections import ClientConnections
from servehttp.front.http_connection import LimitedConnection
from servehttp.front.http_h11 import LimitedH11Protocol
from servehttp.front.http_limits import LINGER_TIMEOUT, HttpLimits
from servehttp.front.open_requests import log_open
from servehttp.front.presence import Presence, absences
from servehttp.front.websocket_budget import WebSocketBudget
from servehttp.front.websocket_protocol import WebSocketProtocol
from servehttp.requests_seen import RequestsSeen
from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.limits import LimitSettings
from servehttp.tasks import log_tasks

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

logger = structlog.get_logger("servehttp.front")

LAG = "lag"
"""The family of figures that tells how late `WATCH_INTERVAL` was over."""
IN_FLIGHT = "in_flight"
CONNECTIONS = "connections"
CPU = "cpu"
MEMORY = "memory"

WATCH_INTERVAL = 0.1
"""Seconds between two looks at the time-outs of all connections, and at clients that left unnoticed."""


class Server(uvicorn.Server):
    """Serves, and watches its connections meanwhile, the time of shutdown included.

    Args:
        config: uvicorn's.
        clients: how many connections each client has.
        front: what is to be told of the shutdown.
        turns: if other processes take connections from the same socket: what is known of them.
        told: is called with the signal that tells it to stop, at the first one.
        tls: by which clients are served https; None for http.
        handshake_timeout: seconds that they have to agree on it.

    Attributes:
        accepting: set once it takes connections.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        clients: ClientConnections,
        front: Front | None = None,
        turns: Turns | None = None,
        told: Callable[[int], None] | None = None,
        tls: ClientTLS | None = None,
        handshake_timeout: float = 0,
    ) -> None:
        super().__init__(config)
        self._told = told
        self._signal = 0
        self._clients = clients
        self._front = front
        self._turns = turns or (Alone() if tls is not None else None)
        self._tls = tls
        self._handshake_timeout = handshake_timeout
        self._acceptor: Acceptor | None = None
        self.accepting = asyncio.Event()
        self._draining = False

    def change(self, settings: GatewaySettings) -> None:
        """Give connections that come from now on other limits and the certificate that is there now, and the stop
        another time."""
        self._handshake_timeout = settings.limits.header_timeout
        self._clients.limit = settings.limits.max_connections_per_client
        if self._tls is not None:
            try:
                self._tls.load()
            except TLSError as error:
                logger.error("the certificate stays as it is", error=str(error))
        if self._acceptor is not None:
            self._acceptor.secured = self._secured()
        # uvicorn says int of both, and counts in fractions of seconds as well.
        self.config.timeout_graceful_shutdown = settings.server.drain_timeout  # type: ignore[assignment]
        self.config.timeout_keep_alive = settings.limits.keep_alive_timeout  # type: ignore[assignment]
        self.config.ws_ping_interval = settings.limits.websocket_ping_interval
        self.config.ws_ping_timeout = settings.limits.websocket_ping_timeout
        # A factory of protocols does where uvicorn says that it wants a class.
        protocol = _protocol(settings, self._front, self._clients)
        self.config.http = self.config.http_protocol_class = protocol  # type: ignore[assignment]

    def dump(self) -> None:
        """Log the tasks of this process, and the requests to plugins that are open in it."""
        log_tasks()
        log_open(self._open_records())

    def _open_records(self) -> list[RequestRecord]:
        """What is known of the requests to plugins that are open in this process."""
        connections = [getattr(connection, "open_record", None) for connection in self.server_state.connections]
        of_front = self._front.open_records() if self._front is not None else []
        return [*of_front, *(record for record in connections if record is not None)]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._signal = self._signal or sig
        super().handle_exit(sig, frame)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        watch = asyncio.create_task(self._watch())
        try:
            await super().serve(sockets)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            if self._acceptor is not None:
                self._acceptor.close()
                await self._acceptor.wait_closed()
            for connection in list(self.server_state.connections):
                connection.transport.abort()

    async def counts(self) -> Counts:
        """What was counted here; a `Counter`."""
        return Counts(self.counted(), self.present())

    def counted(self) -> Figures:
        """What has happened so far, with what this process took for it."""
        counted = Figures()
        if self._front is not None:
            counted.add(self._front.admission.ledger.figures)
        counted.count(CPU, (), time.process_time())
        return counted

    def present(self) -> Figures:
        """How it is now: this process' memory, the connections, and what is open for each plugin."""
        present = Figures()
        present.count(MEMORY, (), psutil.Process().memory_info().rss)
        present.count(CONNECTIONS, (), len(self.server_state.connections))
        for plugin_id, count in self._front.in_flight() if self._front is not None else ():
            present.count(IN_FLIGHT, (plugin_id,), count)
        return present

    async def requests(self, most: int) -> RequestsSeen:
        """Those of this process; a `Witness`."""
        return self.seen(most)

    def seen(self, most: int) -> RequestsSeen:
        """The requests that are open here, and the slowest of the last minutes, no more than so many of each."""
        if self._front is None:
            return RequestsSeen()
        now = time.perf_counter()
        oldest = sorted(self._open_records(), key=lambda record: record.started)[:most]
        slowest = self._front.admission.ledger.slowest.of_last_minutes(now)[:most]
        return RequestsSeen([record.seen(now) for record in oldest], slowest)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._turns is None or not sockets:
            await super().startup(sockets)
        else:
            await super().startup([])
            self._share(sockets[0], self._turns)
        self.accepting.set()

    def _share(self, listener: socket.socket, turns: Turns) -> None:
        connections = self.server_state.connections = OpenConnections()

        def make_protocol() -> asyncio.Protocol:
            protocol: Callable[..., asyncio.Protocol] = self.config.http_protocol_class  # which a change may replace
            return protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

        self._acceptor = Acceptor(listener, turns, connections, make_protocol, self._secured())
        self.servers.append(self._acceptor)  # type: ignore[arg-type]  # uvicorn closes it

    def _secured(self) -> Secured | None:
        if self._tls is None:
            return None
        clients = ClientConnections(self._clients.limit)
        return Secured(self._tls.context, self._handshake_timeout, LINGER_TIMEOUT, clients)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn cancels its tasks when the time is over; fast requests have none, WebSockets are told.
        self._draining = True
        if self._told is not None and self._signal:
            self._told(self._signal)
        if self._front is not None:
            self._front.announce_drain()
        timer = asyncio.get_running_loop().call_later(self.config.timeout_graceful_shutdown or 0, self._cut)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    def _cut(self) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, WebSocketProtocol):
                connection.go_away()
            elif isinstance(connection, LimitedConnection):
                connection.cut()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + WATCH_INTERVAL
            await asyncio.sleep(WATCH_INTERVAL)
            try:
                now = loop.time()
                if self._front is not None:
                    self._front.admission.ledger.figures.observe(LAG, (), max(now - due, 0))
                self._check_connections(now)
            except Exception:  # one connection's trouble must not end the watch over all others
                logger.exception("watching the connections failed")

    def _check_connections(self, now: float) -> None:
        connections = list(self.server_state.connections)
        for connection in connections:
            if isinstance(connection, LimitedConnection):
                if self._draining:  # also those that were accepted just before
                    connection.drain()
                connection.check_time(now)
        silent = {connection.transport: connection for connection in connections if _is_silent(connection)}
        for transport, presence in absences(silent).items():
            connection = silent[transport]
            if presence is Presence.FINISHED and isinstance(connection, LimitedConnection) and self._tls is None:
                connection.probe(now)
            else:
                transport.abort()


def _is_silent(connection: Any) -> bool:
    """Whether nothing is read from a connection, so that nobody else would notice that its client has gone."""
    transport = connection.transport
    if transport.is_closing():
        return False
    return not transport.is_reading() or (isinstance(connection, LimitedConnection) and connection.half_closed)


def make_server(
    app: ASGIApp,
    settings: GatewaySettings,
    front: Front | None = None,
    *,
    lifespan: Literal["on", "off"] = "on",
    turns: Turns | None = None,
    told: Callable[[int], None] | None = None,
) -> Server:
    """Set up the HTTP server, with uvloop and httptools where they are installed.

    Args:
        app: the gateway.
        settings: where it listens, with what parser, and its limits.
        front: the application's own front; most requests and WebSockets then go straight to it.
        lifespan: whether the application is to be told of the server's start and end.
        turns: if it shares the socket with other processes: what is known of them.
        told: is called with the first signal that tells the server to stop.

    Raises:
        TLSError: a file for TLS cannot be used.
    """
    limits = settings.limits
    clients = ClientConnections(limits.max_connections_per_client)
    admission = front.admission if front is not None else None
    # A dict, because uvicorn's annotations ask for a class and whole seconds; it takes any factory and any number.
    options: dict[str, Any] = {
        "http": _protocol(settings, front, clients),
        "timeout_keep_alive": limits.keep_alive_timeout,
        "timeout_graceful_shutdown": settings.server.drain_timeout,
    }
    budget = WebSocketBudget(limits.websocket_held, limits.websocket_held_client)
    config = uvicorn.Config(
        app,
        host=settings.server.host,
        port=settings.server.port,
        uds=str(settings.server.uds) if settings.server.uds else None,
        root_path=settings.server.root_path,
        interface="asgi3",
        lifespan=lifespan,
        # Not wsproto: it changes header order and host, and inflates a compressed message whole before its limit.
        ws=functools.partial(WebSocketProtocol, budget, clients, admission),  # type: ignore[arg-type]  # a factory does as well
        ws_max_size=limits.websocket_max_message,
        ws_ping_interval=limits.websocket_ping_interval,
        ws_ping_timeout=limits.websocket_ping_timeout,
        # What the front does itself, or is done elsewhere.
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        workers=1,
        **options,
    )
    return Server(config, clients, front, turns, told, ClientTLS.of(settings.server), limits.header_timeout)


def connection_limit(setting: int) -> int:
    """How many connections a process keeps, 0 for any number: unless set, so many that a quarter of the files that it
    may open is left for the plugins and all else, however many clients come."""
    if setting or resource is None:
        return setting
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 0 if files == resource.RLIM_INFINITY else max(1, files * 3 // 4)


def http_limits(settings: LimitSettings, max_connections: int = 0) -> HttpLimits:
    """Those of the settings that act on a connection."""
    return HttpLimits(
        max_header_bytes=settings.max_header_bytes,
        max_header_count=settings.max_header_count,
        max_target_length=settings.max_target_length,
        header_timeout=settings.header_timeout,
        body_timeout=settings.body_timeout,
        keep_alive_timeout=settings.keep_alive_timeout,
        drain_idle_timeout=settings.drain_idle_timeout,
        max_connections=max_connections,
        body_min_rate=settings.body_min_rate,
        body_grace=settings.body_grace,
    )


def _protocol(
    settings: GatewaySettings, front: Front | None, clients: ClientConnections
) -> Callable[..., asyncio.Protocol]:
    """What serves a connection, as the settings have it."""
    limits = http_limits(settings.limits, connection_limit(settings.server.max_connections))
    figures = front.admission.ledger.figures if front is not None else Figures()
    parser = settings.server.http
    if parser == "h11" or (parser == "auto" and importlib.util.find_spec("httptools") is None):
        return functools.partial(LimitedH11Protocol, limits=limits, figures=figures, clients=clients)
    # Here, because httptools is optional.
    from servehttp.front.http_httptools import LimitedHttpToolsProtocol

    admission = front.admission if front is not None and front.live_pages is None else None
    return functools.partial(
        LimitedHttpToolsProtocol, limits=limits, figures=figures, clients=clients, admission=admission
    )
