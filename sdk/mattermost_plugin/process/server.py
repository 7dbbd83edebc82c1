"""Serves a plugin: its hooks, its requests and what a go-plugin host wants, at one address, from start to stop.

Start: logging, stdout, the plugin, the application's start-up, the listener, and last the handshake line.
Stop (SIGTERM, SIGINT, the host's Shutdown): health says so, gateways are told to send nothing new, open exchanges get
a grace, those left are cut, the application shuts down. OnDeactivate is the host's call, never the server's own.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from mattermost_plugin import tracing
from mattermost_plugin.asgi import ASGIAdapter, Lifespan, LifespanError
from mattermost_plugin.asgi.traced import traced
from mattermost_plugin.background import cancel_tasks
from mattermost_plugin.handshake import APP_PROTOCOL_VERSION, CORE_PROTOCOL_VERSION, Handshake
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.message_sizes import DEFAULT_MESSAGE_SIZE, message_limits
from mattermost_plugin.plugin import Plugin, close_clients
from mattermost_plugin.process import stdio
from mattermost_plugin.process.addresses import LOOPBACK, AddressError, bind, check_encryption, release
from mattermost_plugin.process.options import ServerOptions
from mattermost_plugin.process.services import Services
from mattermost_plugin.runtime_config import RuntimeConfig, load_runtime_config
from mattermost_plugin.tls import RenewedContext, TLSFiles

INSTALL_TRACING = "pip install 'servehttp[otel]'"

GO_PLUGIN_CORE_PROTOCOL_VERSION = str(CORE_PROTOCOL_VERSION)
GO_PLUGIN_APP_PROTOCOL_VERSION = str(APP_PROTOCOL_VERSION)

DEFAULT_SERVER_OPTIONS: tuple[tuple[str, Any], ...] = tuple(message_limits(DEFAULT_MESSAGE_SIZE).items())

DEFAULT_GRACE = 5.0
"""Seconds that open exchanges get to finish when the server stops."""
HOST_GRACE = 0.5
"""Seconds that they get when a go-plugin host asks, which kills what has not ended two seconds later."""
SHUTDOWN_TIMEOUT = 5.0
"""Seconds for the application's own shutdown."""

logger = get_logger("mattermost_plugin.server")


class PluginServer:
    """One plugin, served.

    Args:
        plugin_instance: the plugin.
        config: the process's configuration; by default the plugin's, or the environment's.
        options: gRPC server options, beside or instead of `DEFAULT_SERVER_OPTIONS`: how large messages may be
            (`grpc.max_receive_message_length`, `grpc.max_send_message_length`), and how many calls a connection may
            have open (`grpc.max_concurrent_streams`). Others mean nothing here, and there is a warning.
        address: where to listen; by default at a free loopback port.
        printed: what the process prints, for a host that shows it.
        tls: files to speak TLS by; without them an address that other machines reach is refused.
        plaintext: it is not.
        takes_api: whether who connects may tell the plugin where the API of its host is, which nobody else has.
        health: where probes ask for its health, by gRPC and without TLS; None for nowhere but at the address.
        grace: seconds that open exchanges get to finish when it stops.
    """

    def __init__(
        self,
        plugin_instance: Plugin,
        config: RuntimeConfig | None = None,
        options: Sequence[tuple[str, Any]] | None = None,
        *,
        address: Handshake = LOOPBACK,
        printed: stdio.PrintedLines | None = None,
        tls: TLSFiles | None = None,
        plaintext: bool = False,
        takes_api: bool = False,
        health: Handshake | None = None,
        grace: float = DEFAULT_GRACE,
    ) -> None:
        self.plugin = plugin_instance
        self.config = config or plugin_instance.config or load_runtime_config()
        self.address = address
        """Where it listens; once started with the port it got."""
        self._options = options or ()
        self._tls = tls
        self._plaintext = plaintext
        self._takes_api = takes_api
        self.health = health
        """Where probes ask; once started with the port it got."""
        self._grace = grace
        self._printed = printed or stdio.PrintedLines()
        self._stopping: asyncio.Task[None] | None = None
        self._terminated = asyncio.Event()
        self._started = False
        self._listening = False

    @property
    def port(self) -> int:
        """The TCP port; 0 on a unix socket, and before the start."""
        return int(self.address.address.rpartition(":")[2]) if self.address.network == "tcp" else 0

    @property
    def speaks_tls(self) -> bool:
        """Whether clients have to speak TLS."""
        return self._tls is not None

    async def start(self) -> int:
        """Start the application up and listen; returns the port.

        Raises:
            RuntimeError: it was started before.
            LifespanError: the application's start-up failed.
            HookRegistrationError: a hook's handler does not take the hook's arguments.
            AddressError: it cannot listen there.
            TLSError: a file for TLS cannot be used.
        """
        if self._started:
            raise RuntimeError("the server was already started; make a new one to serve again")
        self._started = True
        context = self._context()
        application = self.plugin.asgi_app()
        if tracing.is_wanted() and begin_tracing(self.config.plugin_id):
            application = traced(application)
        self._lifespan = Lifespan(application)
        try:
            adapter = ASGIAdapter(application, await self._lifespan.startup())
            self._services = Services(
                self.plugin,
                self.config,
                adapter.serve,
                self._printed,
                self._shut_down,
                self._limits(),
                context,
                takes_api=self._takes_api,
            )
            if self.health is not None:
                self.health, sockets = bind(self.health)
                self._services.listen_for_probes(sockets)
            self.address, sockets = bind(self.address)
            self._services.listen(sockets)
            self._listening = True
        except BaseException:
            await cancel_tasks(self.plugin)
            await self._shut_application_down()
            await close_clients(self.plugin)
            raise
        return self.port

    async def stop(self, grace_period: float | None = None) -> None:
        """Stop in order; again, or before the start, it does nothing.

        Args:
            grace_period: seconds that open exchanges get to finish, if not those that it was made with.
        """
        self.request_stop(grace_period)
        if self._stopping is not None:
            await asyncio.shield(self._stopping)

    def request_stop(self, grace_period: float | None = None) -> None:
        """Begin to stop, and return at once; before the start it does nothing."""
        if self._listening and self._stopping is None:
            grace = self._grace if grace_period is None else grace_period
            self._stopping = asyncio.create_task(self._stop(grace))

    async def wait_for_termination(self) -> None:
        """Wait until the server has stopped."""
        await self._terminated.wait()

    def _shut_down(self) -> None:
        """The host's Shutdown: it hangs up at once, and kills soon."""
        self.request_stop(HOST_GRACE)

    def _context(self) -> Callable[[], ssl.SSLContext] | None:
        """What speaks TLS; None for nothing."""
        check_encryption(self.address, tls=self.speaks_tls, plaintext=self._plaintext)
        if self._tls is None:
            return None
        if self.address.network == "unix":
            raise AddressError(f"cannot listen at {self.address.address}: TLS is for HOST:PORT, not for a unix socket")
        return RenewedContext(self._tls)

    def _limits(self) -> ServerOptions:
        return ServerOptions.read({**message_limits(self.config.message_size), **dict(self._options)})

    async def _stop(self, grace_period: float) -> None:
        try:
            await self._services.stop(grace_period)
            await cancel_tasks(self.plugin)
            await self._shut_application_down()
            await close_clients(self.plugin)
        finally:
            release(self.address)
            if self.health is not None:
                release(self.health)
            self._terminated.set()

    async def _shut_application_down(self) -> None:
        try:
            async with asyncio.timeout(SHUTDOWN_TIMEOUT):
                await self._lifespan.shutdown()
        except LifespanError as error:
            logger.error("the application's shutdown failed: %s", error)
        except TimeoutError:
            logger.error("the application's shutdown took longer than %s s", SHUTDOWN_TIMEOUT)


def begin_tracing(service: str) -> bool:
    """Trace in this process; False where it has not what it takes."""
    try:
        from mattermost_plugin import opentelemetry  # here, because its library is optional
    except ImportError as error:
        logger.warning("requests are not traced here: %s; %s", error, INSTALL_TRACING)
        return False
    opentelemetry.begin(service)
    return True


def format_handshake_line(port: int) -> str:
    """The handshake line of a plugin at a loopback port."""
    return Handshake("tcp", f"127.0.0.1:{port}").format()
