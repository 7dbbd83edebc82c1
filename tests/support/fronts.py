"""The gateway's front with a plugin behind it, in this process, over real sockets and either transport."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import uvicorn

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.calls.outcomes import CallContext
from mattermost_plugin.exchange import Exchange
from mattermost_plugin.grpc import hooks_lifecycle_pb2, hooks_pb2_grpc, tunnel_pb2_grpc
from mattermost_plugin.grpc import tunnel_pb2 as pb
from mattermost_plugin.listening.server import Server
from mattermost_plugin.listening.unary import unary
from mattermost_plugin.serve_http.served import StreamServer
from mattermost_plugin.servicers.direct_hooks import SERVE_HTTP, SERVICE
from mattermost_plugin.tunnel.rpc import CONNECT
from mattermost_plugin.tunnel.servicer import TunnelServicer
from mattermost_plugin.types import ASGIApp
from servehttp.front.application import Front
from servehttp.front.cookies import CookieScopes
from servehttp.front.peers import TrustedProxies
from servehttp.front.server import make_server
from servehttp.front.settings import ForwardLimits, FrontSettings
from servehttp.identity import Identity
from servehttp.plugins.handle import OFFERS
from servehttp.plugins.link import Link, TransportName
from servehttp.plugins.states import PluginState
from servehttp.settings.kinds import HttpParser
from servehttp.settings.limits import LimitSettings
from servehttp.settings.server import ServerSettings
from servehttp.workspace.settings import Settings
from support.direct_calls import listener
from support.patience import PATIENCE

IMPLEMENTED = f"/{SERVICE}/Implemented"
LIMITS = ForwardLimits(first_byte_timeout=10, idle_timeout=10, max_body_size=0)


class Hooks(hooks_pb2_grpc.PluginHooksServicer):
    """Announces HTTP, and nothing else."""

    async def Implemented(self, request: Any, context: Any) -> hooks_lifecycle_pb2.ImplementedResponse:
        return hooks_lifecycle_pb2.ImplementedResponse(hooks=["ServeHTTP"])


async def implemented(body: bytes, context: CallContext) -> bytes:
    """The same, of a server of ours."""
    return hooks_lifecycle_pb2.ImplementedResponse(hooks=["ServeHTTP"]).SerializeToString()


@dataclass
class Handle:
    """A plugin as the registry shows it."""

    link: Link | None
    id: str = "p"
    state: PluginState = PluginState.RUNNING
    reason: str | None = None
    restarts: int = 0
    started_in: float | None = 0.0
    folder: Path | None = None
    generation: int = 0

    def link_after(self, refused: Sequence[Exchange]) -> Link | None:
        return self.link if len(refused) < OFFERS else None

    @property
    def replicas(self) -> Sequence[Handle]:
        return (self,)

    def describe(self) -> dict[str, object]:
        return {"id": self.id, "state": self.state.value}


@dataclass
class Plugins:
    """A registry that the test fills."""

    handles: dict[str, Handle] = field(default_factory=dict)

    def get(self, id: str) -> Handle | None:
        return self.handles.get(id)

    def __iter__(self) -> Iterator[Handle]:
        return iter(self.handles.values())


@dataclass
class Stage:
    """A running front and what is behind it."""

    port: int
    plugins: Plugins
    plugin: PluginServer
    front: Front

    @property
    def handle(self) -> Handle:
        return self.plugins.handles["p"]


class PluginServer:
    """A plugin that speaks both transports.

    Args:
        app: what answers.
        path: where it listens.
    """

    def __init__(self, app: ASGIApp, path: Path) -> None:
        adapter = ASGIAdapter(app)
        self._streams, self._tunnels = StreamServer(adapter.serve), TunnelServicer(adapter.serve)
        methods = {IMPLEMENTED: unary(implemented, -1), SERVE_HTTP: self._streams.serve_call}
        self._server = Server(methods, {CONNECT: self._tunnels.direct.connection})
        self._server.listen([listener(path)])

    async def vanish(self) -> None:
        """Hang up on everybody."""
        await self._server.stop(0)
        await self._tunnels.close()
        await self._server.close()
        await self._streams.close()


@asynccontextmanager
async def plugin_server(app: ASGIApp, path: Path) -> AsyncIterator[PluginServer]:
    """A plugin that speaks both transports."""
    server = PluginServer(app, path)
    try:
        yield server
    finally:
        await server.vanish()


class Refuser(tunnel_pb2_grpc.TunnelServicer):
    """A plugin that refuses every request, as one does that is about to stop."""

    def __init__(self) -> None:
        self.refused: asyncio.Queue[pb.Frame] = asyncio.Queue()

    async def Connect(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # read/write style
        await context.write(pb.Message(hello=pb.Hello(min_version=1, max_version=1, window=65536, max_exchanges=9)))
        while isinstance(message := await context.read(), pb.Message):
            for frame in message.frames:
                if frame.HasField("request"):
                    self.refused.put_nowait(frame)
                    await asyncio.sleep(0)  # whoever waits for this acts before the gateway hears of it
                    reset = pb.Reset(code=pb.RESET_CODE_REFUSED)
                    await context.write(pb.Message(frames=[pb.Frame(exchange=frame.exchange, reset=reset)]))


@asynccontextmanager
async def refusing_plugin(path: Path) -> AsyncIterator[tuple[Link, asyncio.Queue[pb.Frame]]]:
    """A link to a plugin that refuses, and what it has refused."""
    refuser, server = Refuser(), grpc.aio.server()
    tunnel_pb2_grpc.add_TunnelServicer_to_server(refuser, server)
    hooks_pb2_grpc.add_PluginHooksServicer_to_server(Hooks(), server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    link = await Link.connect(f"unix:{path}", transport="tunnel", timeout=PATIENCE)
    try:
        yield link, refuser.refused
    finally:
        await link.close()
        await server.stop(None)


@asynccontextmanager
async def front(
    app: ASGIApp,
    folder: Path,
    transport: TransportName = "tunnel",
    *,
    direct: bool = False,
    parser: HttpParser | None = None,
    max_exchanges: int = 100,
    trusted: tuple[str, ...] = (),
    identity: Identity | None = None,
    origin_cookies: tuple[str, ...] = (),
    live_run: str = "",
    server_timing: bool = False,
    tls: Mapping[str, str] | None = None,
    own: Mapping[str, Any] | None = None,
    own_max_exchanges: int = 0,
    **limits: Any,
) -> AsyncIterator[Stage]:
    """The front at a free port, with `app` as the plugin `p`.

    Args:
        direct: by the fast path, where a request can take it.
        live_run: have pages reload themselves.
        server_timing: have responses say what took how long.
        parser: that of the gateway's own server; without it and without `direct`, the server is plain uvicorn.
        tls: of `server`'s settings, for that server.
        own: limits that the plugin has for itself.
        own_max_exchanges: and how many open exchanges.
    """
    path = folder / "plugin.sock"
    async with plugin_server(app, path) as plugin:
        link = await Link.connect(f"unix:{path}", transport=transport, timeout=PATIENCE)
        plugins = Plugins({"p": Handle(link)})
        settings = FrontSettings(
            replace(LIMITS, **limits),
            max_exchanges,
            TrustedProxies(trusted),
            True,
            CookieScopes(origin_cookies),
            live_run,
            server_timing,
            own_limits={"p": replace(LIMITS, **{**limits, **own})} if own else {},
            own_max_exchanges={"p": own_max_exchanges} if own_max_exchanges else {},
        )
        try:
            served = Front(plugins, settings, identity)  # type: ignore[arg-type]  # a registry's shape
            server = _own_server(served, settings, parser, direct, tls) if direct or parser else _plain_server(served)
            async with http_server(server) as port:
                yield Stage(port, plugins, plugin, served)
        finally:
            await link.close()


@asynccontextmanager
async def http_server(server: uvicorn.Server) -> AsyncIterator[int]:
    """A server at a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener = socket.socket(fileno=listener.detach())  # knows its protocol, without which asyncio leaves Nagle's delay
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


def _own_server(
    app: Front,
    settings: FrontSettings,
    parser: HttpParser | None,
    direct: bool,
    tls: Mapping[str, str] | None,
) -> uvicorn.Server:
    limits = LimitSettings(
        first_byte_timeout=settings.limits.first_byte_timeout, idle_timeout=settings.limits.idle_timeout
    )
    server = ServerSettings.model_validate({"drain_timeout": 1, "http": parser or "httptools", **(tls or {})})
    own = make_server(app, Settings(limits=limits, server=server), app if direct else None)
    own.config.lifespan = "off"
    return own


def _plain_server(app: Front) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="off",
        proxy_headers=False,
        ws="websockets-sansio",
        date_header=False,
        server_header=False,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)
