"""Serves a plugin: a gRPC server with its hooks, its requests and what a go-plugin host wants, from start to stop.

Start: logging, stdout, the plugin, the application's start-up, the gRPC server, and last the handshake line.
Stop (SIGTERM, SIGINT, the host's Shutdown): health says so, gateways are told to send nothing new, open exchanges get
a grace, those left are cut, the application shuts down. OnDeactivate is the host's call, never the server's own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from mattermost_plugin import event_loop, stdio
from mattermost_plugin.addresses import (
    LOOPBACK,
    AddressError,
    bind,
    host_address,
    is_reachable_from_outside,
    listen_beside,
    parse_address,
    release,
)
from mattermost_plugin.asgi import ASGIAdapter, Lifespan, LifespanError
from mattermost_plugin.background import cancel_tasks
from mattermost_plugin.collector import tune_gc
from mattermost_plugin.exit_watch import ExitWatch
from mattermost_plugin.grpc import goplugin_pb2_grpc, hooks_pb2_grpc
from mattermost_plugin.handshake import (
    APP_PROTOCOL_VERSION,
    CORE_PROTOCOL_VERSION,
    HEALTH_SERVICE,
    MAGIC_COOKIE_KEY,
    Handshake,
)
from mattermost_plugin.heap import tune_malloc
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.message_sizes import DEFAULT_MESSAGE_SIZE, message_limits
from mattermost_plugin.plugin import Plugin, close_clients, instantiate
from mattermost_plugin.runtime_config import RuntimeConfig, load_runtime_config
from mattermost_plugin.servehttp_wire import StreamServer
from mattermost_plugin.servicers.controller import ControllerServicer
from mattermost_plugin.servicers.hooks_servicer import PluginHooksServicerImpl
from mattermost_plugin.servicers.stdio_servicer import StdioServicer
from mattermost_plugin.stop_signals import stop_signals
from mattermost_plugin.tunnel.servicer import TunnelServicer
from mattermost_plugin.tunnel.settings import TunnelSettings

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
            if listener := listen_beside(self.address):
                await self._tunnels.listen(listener)
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

    def _make_server(self) -> grpc.aio.Server:
        server = grpc.aio.server(options=_merged(self._options, self.config.message_size))
        self._health = health.aio.HealthServicer()
        self._tunnels = TunnelServicer(
            self._adapter.serve, TunnelSettings(max_websocket_message=self.config.websocket_message_size)
        )
        self._streams = StreamServer(self._adapter.serve)
        self._hooks = PluginHooksServicerImpl(self.plugin, self.config.hook_timeout, self._streams.handle)
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
            await self._server.stop(CUT_GRACE)
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


async def serve_plugin(
    plugin_class: type[Plugin],
    config: RuntimeConfig | None = None,
    options: Sequence[tuple[str, Any]] | None = None,
    *,
    listen: str | None = None,
) -> None:
    """Serve a plugin until it is told to stop.

    For the host that started this process it configures logging, takes over stdout and signals, and announces itself.

    Args:
        plugin_class: the plugin's class.
        config: the process's configuration instead of what the environment says.
        options: gRPC server options, beside or instead of `DEFAULT_SERVER_OPTIONS`.
        listen: `unix:PATH` or `HOST:PORT`: serve there, inside a program of one's own, whose logging, stdout and
            signals stay as they are. Cancel the call to stop.

    Raises:
        AddressError: it cannot listen there.
        LifespanError: the application's start-up failed.
        RuntimeError: no host started this process, and `listen` is not given.
    """
    config = config or load_runtime_config()
    if listen is not None:
        await _serve_at(listen, plugin_class, config, options)
    elif stdio.started_by_host():
        config.configure_logging()
        await _serve_for_host(plugin_class, config, options)
    else:
        raise RuntimeError("no host started this process: pass listen= to serve without one")


def run_plugin(plugin_class: type[Plugin]) -> None:
    """Serve a plugin from its script: for the host that started it, or by hand with `--listen ADDRESS`.

    Exits with 1 when the plugin cannot be served, with the reason on stderr.
    """
    if not isinstance(plugin_class, type):
        raise TypeError(
            f"run_plugin takes the plugin's class, not an instance: run_plugin({type(plugin_class).__name__})"
        )
    arguments = _parse_arguments()
    if arguments.listen is None and not stdio.started_by_host():
        sys.exit(_by_hand_text(plugin_class))
    stdio.trace_crashes()
    watch = ExitWatch()
    try:
        exit_code = event_loop.run(_run(plugin_class, arguments.listen, watch))
    finally:
        watch.stand_down()
    if exit_code:
        sys.exit(exit_code)


def format_handshake_line(port: int) -> str:
    """The handshake line of a plugin at a loopback port."""
    return Handshake("tcp", f"127.0.0.1:{port}").format()


async def _run(plugin_class: type[Plugin], listen: str | None, watch: ExitWatch) -> int:
    exit_code = 1
    try:
        await _serve_as_asked(plugin_class, listen)
        exit_code = 0
    except (AddressError, LifespanError) as error:
        logger.critical("%s did not start: %s", plugin_class.__name__, error)
    except Exception:  # the border to the plugin's code; a host reads the trace as one record
        logger.critical("%s could not be served", plugin_class.__name__, exc_info=True)
    finally:
        watch.arm(exit_code)
    return exit_code


async def _serve_as_asked(plugin_class: type[Plugin], listen: str | None) -> None:
    config = load_runtime_config()
    config.configure_logging()
    tune_malloc()
    tune_gc()
    if listen is None:
        await _serve_for_host(plugin_class, config, None)
    else:
        await _serve_at(listen, plugin_class, config, None, by_hand=True)


async def _serve_for_host(
    plugin_class: type[Plugin], config: RuntimeConfig, options: Sequence[tuple[str, Any]] | None
) -> None:
    printed = stdio.PrintedLines()
    pump = stdio.StdoutPump(printed.put)
    pump.open()
    try:
        plugin = instantiate(plugin_class, None, config)
        server = PluginServer(plugin, config, options, address=host_address(), printed=printed)
        await server.start()
        with _stopped_by_signals(server):
            await _until_stopped(server, lambda: stdio.write_handshake(server.address.format()))
    finally:
        pump.close()


async def _serve_at(
    listen: str,
    plugin_class: type[Plugin],
    config: RuntimeConfig,
    options: Sequence[tuple[str, Any]] | None,
    *,
    by_hand: bool = False,
) -> None:
    address = parse_address(listen)
    server = PluginServer(instantiate(plugin_class, None, config), config, options, address=address)
    if is_reachable_from_outside(address):
        logger.warning("whoever reaches %s can call this plugin in anybody's name", listen)
    await server.start()
    with _stopped_by_signals(server) if by_hand else contextlib.nullcontext():
        announce = _announce_by_hand if by_hand else _log_address
        await _until_stopped(server, lambda: announce(server))


async def _until_stopped(server: PluginServer, announce: Callable[[], None]) -> None:
    try:
        announce()
        await server.wait_for_termination()
    finally:
        await server.stop()


@contextlib.contextmanager
def _stopped_by_signals(server: PluginServer) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = stop_signals()
    for number in numbers:
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, server.request_stop)
    try:
        yield
    finally:
        for number in numbers:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)


def _merged(options: Sequence[tuple[str, Any]] | None, message_size: int) -> list[tuple[str, Any]]:
    return list({**dict(DEFAULT_SERVER_OPTIONS), **message_limits(message_size), **dict(options or ())}.items())


def _offer_reflection(server: grpc.aio.Server) -> None:
    try:
        from grpc_reflection.v1alpha import reflection  # optional: an extra for debugging
    except ImportError:
        return
    services = ("mattermost.pluginapi.v1.PluginHooks", "servehttp.tunnel.v1.Tunnel", "grpc.health.v1.Health")
    reflection.enable_server_reflection((*services, reflection.SERVICE_NAME), server)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve this plugin.", allow_abbrev=False)
    parser.add_argument(
        "--listen", metavar="ADDRESS", help="unix:PATH or HOST:PORT: serve there, for a gateway that attaches to it"
    )
    return parser.parse_known_args()[0]


def _log_address(server: PluginServer) -> None:
    logger.info("serving at %s", server.address.target)


def _announce_by_hand(server: PluginServer) -> None:
    target = server.address.target
    name = server.config.plugin_id or "ID"
    print(
        f"{type(server.plugin).__name__} listens at {target}\n"
        f"Attach it to a gateway:  servehttp serve --attach {name}={target}",
        file=sys.stderr,
        flush=True,
    )


def _by_hand_text(plugin_class: type[Plugin]) -> str:
    script = Path(sys.argv[0])
    return (
        f"{plugin_class.__name__} is a plugin: a host starts it, and none did ({MAGIC_COOKIE_KEY} is not set).\n"
        f"Let a gateway start it:      servehttp serve {script.absolute().parent}\n"
        f"Or serve it by hand, for a gateway that attaches to it, a debugger or a test:\n"
        f"                             python {script.name} --listen 127.0.0.1:7000"
    )
