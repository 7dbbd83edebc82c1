"""The gateway's own server with an application as its plugin, to which WebSockets go the fast path."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.tunnel.driver import Tunnel
from mattermost_plugin.tunnel.message_stream import CallMessageStream
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.types import ASGIApp
from servehttp.front.application import Front
from servehttp.front.peers import TrustedProxies
from servehttp.front.server import make_server
from servehttp.front.settings import ForwardLimits, FrontSettings
from servehttp.plugins.link import Link
from servehttp.plugins.transports import TunnelTransport
from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.limits import LimitSettings
from servehttp.settings.server import ServerSettings
from support.front_server import Running
from support.fronts import Handle, Plugins
from support.hook_calls import unconnected
from support.tunnels import memory_streams

PREFIX = "/plugins/p"

HANDSHAKE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


@asynccontextmanager
async def serving_plugin(
    app: ASGIApp, parser: str = "httptools", *, drain_timeout: float = 0.2, **limits: Any
) -> AsyncIterator[Running]:
    """Serve an application as the plugin `p`, in this process, over a tunnel in memory."""
    gateway_end, plugin_end = memory_streams(depth=64)
    settings = TunnelSettings(linger=0.1)
    plugin = Tunnel(Half.PLUGIN, CallMessageStream(plugin_end), serve=ASGIAdapter(app).serve, settings=settings)
    serving = asyncio.create_task(plugin.run())
    transport = TunnelTransport(CallMessageStream(gateway_end), settings)
    link = Link(unconnected(), transport, frozenset(("ServeHTTP",)))
    listener = socket.create_server(("127.0.0.1", 0))
    front = Front(
        Plugins({"p": Handle(link)}),  # type: ignore[arg-type]  # a registry's shape
        FrontSettings(ForwardLimits(10, 10, 0), 100, TrustedProxies(()), access_log=True),
    )
    served = GatewaySettings(
        limits=LimitSettings.model_validate(limits),
        server=ServerSettings.model_validate({"http": parser, "drain_timeout": drain_timeout}),
    )
    server = make_server(front, served, front, lifespan="off")
    server.config.lifespan = "off"
    task = asyncio.create_task(server.serve(sockets=[listener]))
    running = Running(server, served, task, listener)
    try:
        await server.accepting.wait()
        yield running
    finally:
        await running.close()
        await link.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
