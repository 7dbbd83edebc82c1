"""All that a plugin's process serves: what is called how, and the order in which it ends."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from mattermost_plugin.calls.client import CONNECT as CALLS
from mattermost_plugin.calls.server import CallServer
from mattermost_plugin.exchange import Serve
from mattermost_plugin.handshake import HEALTH_SERVICE
from mattermost_plugin.listening.grpc_connection import Method
from mattermost_plugin.listening.server import Server
from mattermost_plugin.listening.streaming import streaming
from mattermost_plugin.listening.unary import unary
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.plugin import Plugin, use_api
from mattermost_plugin.process.options import ServerOptions
from mattermost_plugin.process.stdio import PrintedLines
from mattermost_plugin.runtime_config import RuntimeConfig
from mattermost_plugin.serve_http.served import StreamServer
from mattermost_plugin.servicers import attachment, controller, health, stdio_servicer
from mattermost_plugin.servicers.activation import Activation
from mattermost_plugin.servicers.direct_hooks import SERVE_HTTP, SERVICE, direct_hooks
from mattermost_plugin.servicers.hooks_servicer import PluginHooksServicerImpl
from mattermost_plugin.servicers.operation import operation
from mattermost_plugin.servicers.reflection import reflection
from mattermost_plugin.tunnel.rpc import CONNECT as TUNNEL
from mattermost_plugin.tunnel.rpc import SERVICE as TUNNEL_SERVICE
from mattermost_plugin.tunnel.servicer import TunnelServicer
from mattermost_plugin.tunnel.settings import TunnelSettings

CUT_GRACE = 0.25
"""Seconds for answers that are on their way, and for exchanges that are cut to end."""

logger = get_logger("mattermost_plugin.server")


class Services:
    """What one plugin's process serves.

    Args:
        plugin: the plugin.
        config: the process's configuration.
        serve: answers one exchange.
        printed: what the process prints.
        shut_down: begins to stop the process.
        options: sizes and numbers.
        tls: what the next connection speaks TLS by; None for none.
        takes_api: whether who connects may tell the plugin where the API of its host is.
    """

    def __init__(
        self,
        plugin: Plugin,
        config: RuntimeConfig,
        serve: Serve,
        printed: PrintedLines,
        shut_down: Callable[[], None],
        options: ServerOptions,
        tls: Callable[[], ssl.SSLContext] | None,
        *,
        takes_api: bool,
    ) -> None:
        self._printed = printed
        self._health = health.Health(HEALTH_SERVICE)
        self._tunnels = TunnelServicer(serve, TunnelSettings(max_websocket_message=config.websocket_message_size))
        self._streams = StreamServer(serve)
        self._hooks = PluginHooksServicerImpl(plugin, config.hook_timeout)
        self._activation = Activation(self._hooks)
        answers = direct_hooks(self._hooks) | operation() | self._activation.answers()
        self._calls = CallServer(answers, options.sent)
        answers |= {health.CHECK: self._health.check, controller.SHUTDOWN: controller.shutdown(shut_down)}
        if takes_api:
            answers[attachment.OFFER_API] = attachment.offered(functools.partial(use_api, plugin))
        flows = {
            TUNNEL: self._tunnels.connect,
            health.WATCH: self._health.watch,
            stdio_servicer.STREAM_STDIO: stdio_servicer.stream_stdio(printed),
        }
        if config.log_level == "DEBUG":
            flows |= reflection(SERVICE, TUNNEL_SERVICE, health.SERVICE)
        methods: dict[str, Method] = {SERVE_HTTP: self._streams.serve_call}
        methods |= {path: unary(answer, options.sent) for path, answer in answers.items()}
        methods |= {path: streaming(flow) for path, flow in flows.items()}
        alone = {TUNNEL: self._tunnels.direct.connection, CALLS: self._calls.direct.connection}
        self._server = Server(methods, alone, options.limits(), tls)
        check, watch = unary(self._health.check, options.sent), streaming(self._health.watch)
        self._probed = Server({health.CHECK: check, health.WATCH: watch}, {}, options.limits())

    def listen_for_probes(self, sockets: Sequence[socket.socket]) -> None:
        """Serve gRPC's health service, and nothing else, at sockets that listen, to anybody and without TLS."""
        self._probed.listen(sockets)

    def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Serve at sockets that listen."""
        self._server.listen(sockets)

    async def stop(self, grace: float) -> None:
        """End it all in order; what is open gets so many seconds."""
        self._health.stop_serving()
        self._tunnels.drain()
        self._streams.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._wait_idle()
        await self._cut_exchanges()
        await self._activation.end()
        self._printed.close()
        await asyncio.gather(self._server.stop(CUT_GRACE), self._calls.close(CUT_GRACE), self._probed.stop(CUT_GRACE))
        await self._tunnels.close()
        await self._server.close()
        await self._probed.close()
        await self._streams.close()
        self._hooks.close()

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
