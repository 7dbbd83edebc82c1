"""Serves a plugin: a gRPC server with its hooks, its requests and what a go-plugin host wants, from start to stop.

Start: logging, stdout, the plugin, the application's start-up, the gRPC server, and last the handshake line.
Stop (SIGTERM, SIGINT, the host's Shutdown): health says so, gateways are told to send nothing new, open exchanges get
a grace, those left are cut, the application shuts down. OnDeactivate is the host's call, never the server's own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from mattermost_plugin.asgi import ASGIAdapter, Lifespan, LifespanError
from mattermost_plugin.background import cancel_tasks
from mattermost_plugin.calls.server import CallServer
from mattermost_plugin.grpc import goplugin_pb2_grpc, hooks_pb2_grpc
from mattermost_plugin.handshake import (
    APP_PROTOCOL_VERSION,
    CORE_PROTOCOL_VERSION,
    HEALTH_SERVICE,
    Handshake,
    calls_socket,
    tunnel_socket,
)
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.message_sizes import DEFAULT_MESSAGE_SIZE, message_limits
from mattermost_plugin.plugin import Plugin, close_clients
from mattermost_plugin.process import stdio
from mattermost_plugin.process.addresses import LOOPBACK, bind, release
from mattermost_plugin.runtime_config import RuntimeConfig, load_runtime_config
from mattermost_plugin.serve_http.served import StreamServer
from mattermost_plugin.servicers.controller import ControllerServicer
from mattermost_plugin.servicers.direct_hooks import direct_hooks
from mattermost_plugin.servicers.hooks_servicer import PluginHooksServicerImpl
from mattermost_plugin.servicers.stdio_servicer import StdioServicer
from mattermost_plugin.tunnel.servicer import TunnelServicer
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.unix_sockets import listen_at

GO_PLUGIN_CORE_PROTOCOL_VERSION = str(CORE_PROTOCOL_VERSION)
GO_PLUGIN_APP_PROTOCOL_VERSION = str(APP_PROTOCOL_VERSION)

PING_INTERVAL = 5_000
"""Milliseconds. A host that asks more often whether the connection lives is cut off by gRPC."""

DEFAULT_SERVER_OPTIONS: tuple[tuple[str, Any], ...] = (
    *message_limits(DEFAULT_MESSAGE_SIZE).items(),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", PING_INTERVAL),
    ("grpc.keepalive_permit_without_calls", 1),
    # Without it a second server on the same port would start, and get some of the calls.
    ("grpc.so_reuseport", 0),
)

DEFAULT_GRACE = 5.0
"""Seconds that open exchanges get to finish when the server stops."""
HOST_GRACE = 0.5
"""Seconds that they get when a go-plugin host asks, which kills what has not ended two seconds later."""
CUT_GRACE = 0.25
"""Seconds for answers that are on their way, and for exchanges that are cut to end."""
SHUTDOWN_TIMEOUT = 5.0
"""Seconds for the application's own shutdown."""

logger = get_logger("mattermost_plugin.server")


class PluginServer:
    """One plugin, served.

    Args:
        plugin_instance: the plugin.
        config: the process's configuration; by default the plugin's, or the environment's.
        options: gRPC server options, beside or instead of `DEFAULT_SERVER_OPTIONS`.
        address: where to listen; by default at a free loopback port.
        printed: what the process prints, for a host that shows it.
    """

    def __init__(
        self,
        plugin_instance: Plugin,
        config: RuntimeConfig | None = None,
        options: Sequence[tuple[str, Any]] | None = None,
        *,
        address: Handshake = LOOPBACK,
        printed: stdio.PrintedLines | None = None,
    ) -> None:
        self.plugin = plugin_instance
        self.config = config or plugin_instance.config or load_runtime_config()
        self.address = address
        """Where it listens; once started with the port it got."""
        self._options = options
        self._printed = printed or stdio.PrintedLines()
        self._stopping: asyncio.Task[None] | None = None
        self._terminated = asyncio.Event()
        self._started = False
        self._listening = False

    @property
    def port(self) -> int:
        """The TCP port; 0 on a unix socket, and before the start."""
        return int(self.address.address.rpartition(":")[2]) if self.address.network == "tcp" else 0

    async def start(self) -> int:
        """Start the application up and listen; returns the port.

        Raises:
            RuntimeError: it was started before.
            LifespanError: the application's start-up failed.
            AddressError: it cannot listen there.
        """
        if self._started:
            raise RuntimeError("the server was already started; make a new one to serve again")
        self._started = True
        application = self.plugin.asgi_app()
        self._lifespan = Lifespan(application)
        try:
            self._adapter = ASGIAdapter(application, await self._lifespan.startup())
            self._server = self._make_server()
            self.address = bind(self._server, self.address)
            await self._health.set(HEALTH_SERVICE, health_pb2.HealthCheckResponse.SERVING)
            await self._server.start()
            await self._listen_beside()
            self._listening = True
        except BaseException:
            await cancel_tasks(self.plugin)
            await self._shut_application_down()
            await close_clients(self.plugin)
            raise
        return self.port

    async def stop(self, grace_period: float = DEFAULT_GRACE) -> None:
        """Stop in order; again, or before the start, it does nothing.

        Args:
            grace_period: seconds that open exchanges get to finish.
        """
        self.request_stop(grace_period)
        if self._stopping is not None:
            await asyncio.shield(self._stopping)

    def request_stop(self, grace_period: float = DEFAULT_GRACE) -> None:
        """Begin to stop, and return at once; before the start it does nothing."""
        if self._listening and self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(grace_period))

    async def wait_for_termination(self) -> None:
        """Wait until the server has stopped."""
        await self._terminated.wait()

    def _shut_down(self) -> None:
        """The host's Shutdown: it hangs up at once, and kills soon."""
        self.request_stop(HOST_GRACE)

    async def _listen_beside(self) -> None:
        if listener := listen_at(tunnel_socket(self.address.target), "the tunnel has"):
            await self._tunnels.listen(listener)
        if listener := listen_at(calls_socket(self.address.target), "hooks have"):
            await self._calls.start(listener)

    def _make_server(self) -> grpc.aio.Server:
        options = _merged(self._options, self.config.message_size)
        server = grpc.aio.server(options=options)
        self._health = health.aio.HealthServicer()
        self._tunnels = TunnelServicer(
            self._adapter.serve, TunnelSettings(max_websocket_message=self.config.websocket_message_size)
        )
        self._streams = StreamServer(self._adapter.serve)
        self._hooks = PluginHooksServicerImpl(self.plugin, self.config.hook_timeout, self._streams.handle)
        self._calls = CallServer(direct_hooks(self._hooks), dict(options)["grpc.max_send_message_length"])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        hooks_pb2_grpc.add_PluginHooksServicer_to_server(self._hooks, server)
        self._tunnels.add_to_server(server)
        goplugin_pb2_grpc.add_GRPCControllerServicer_to_server(ControllerServicer(self._shut_down), server)
        goplugin_pb2_grpc.add_GRPCStdioServicer_to_server(StdioServicer(self._printed), server)
        if self.config.log_level == "DEBUG":
            _offer_reflection(server)
        return server

    async def _stop(self, grace_period: float) -> None:
        try:
            await self._health.enter_graceful_shutdown()
            self._tunnels.drain()
            self._streams.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_period):
                    await self._wait_idle()
            await self._cut_exchanges()
            self._printed.close()
            await asyncio.gather(self._server.stop(CUT_GRACE), self._calls.close(CUT_GRACE))
            await self._tunnels.close()
            await self._streams.close()
            self._hooks.close()
            await cancel_tasks(self.plugin)
            await self._shut_application_down()
            await close_clients(self.plugin)
        finally:
            release(self.address)
            self._terminated.set()

    async def _wait_idle(self) -> None:
        while serving := self._serving():
            await asyncio.wait(serving)
        await self._tunnels.wait_idle()

    async def _cut_exchanges(self) -> None:
        serving = self._serving()
        if not serving:
            return
        logger.warning("stopping with %d requests unfinished", len(serving))
        for task in serving:
            task.cancel()
        await asyncio.wait(serving, timeout=CUT_GRACE)

    def _serving(self) -> list[asyncio.Task[Any]]:
        """The tasks that answer requests now, whichever way these came, and those that run hooks."""
        return [*self._tunnels.tasks, *self._streams.tasks, *self._hooks.tasks]

    async def _shut_application_down(self) -> None:
        try:
            async with asyncio.timeout(SHUTDOWN_TIMEOUT):
                await self._lifespan.shutdown()
        except LifespanError as error:
            logger.error("the application's shutdown failed: %s", error)
        except TimeoutError:
            logger.error("the application's shutdown took longer than %s s", SHUTDOWN_TIMEOUT)


def format_handshake_line(port: int) -> str:
    """The handshake line of a plugin at a loopback port."""
    return Handshake("tcp", f"127.0.0.1:{port}").format()


def _merged(options: Sequence[tuple[str, Any]] | None, message_size: int) -> list[tuple[str, Any]]:
    return list({**dict(DEFAULT_SERVER_OPTIONS), **message_limits(message_size), **dict(options or ())}.items())


def _offer_reflection(server: grpc.aio.Server) -> None:
    try:
        from grpc_reflection.v1alpha import reflection  # optional: an extra for debugging
    except ImportError:
        return
    services = ("mattermost.pluginapi.v1.PluginHooks", "servehttp.tunnel.v1.Tunnel", "grpc.health.v1.Health")
    reflection.enable_server_reflection((*services, reflection.SERVICE_NAME), server)
