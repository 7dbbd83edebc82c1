"""The tunnel's service at the plugin: one `Tunnel` for each gateway process that connects, whichever way."""

from __future__ import annotations

import asyncio

from mattermost_plugin.exchange import Serve
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.statuses import CallFailed, Status
from mattermost_plugin.tunnel.direct import CLOSE_TIMEOUT, CallEnded, DirectMessageStream, DirectServer
from mattermost_plugin.tunnel.driver import Tunnel
from mattermost_plugin.tunnel.errors import RemoteProtocolError, VersionMismatch
from mattermost_plugin.tunnel.message_stream import CallMessageStream, MessageStream, Stream
from mattermost_plugin.tunnel.rpc import CONNECT
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.tunnel.states import Half

logger = get_logger(__name__)


class TunnelServicer:
    """Serves every exchange that any gateway opens.

    Args:
        serve: answers one exchange.
        settings: limits of each tunnel.

    Attributes:
        direct: takes the call on connections of its own.
    """

    def __init__(self, serve: Serve, settings: TunnelSettings | None = None) -> None:
        self._serve = serve
        self._settings = settings
        self._tunnels: set[Tunnel] = set()
        self._draining = False
        self.direct = DirectServer(CONNECT, self._take)

    @property
    def in_flight(self) -> int:
        """How many exchanges are open, over all gateways."""
        return sum(tunnel.in_flight for tunnel in self._tunnels)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that serve an exchange now, over all gateways."""
        return [task for tunnel in self._tunnels for task in tunnel.tasks]

    def drain(self) -> None:
        """Take no new exchange from any gateway; those that are open go on."""
        self._draining = True
        for tunnel in self._tunnels:
            tunnel.drain()

    async def wait_idle(self) -> None:
        """Waits until no exchange is open."""
        for tunnel in list(self._tunnels):
            await tunnel.wait_idle()

    async def close(self) -> None:
        """Hang up where the call has a connection for itself; who carries it otherwise ends it."""
        await self.direct.close()

    async def connect(self, stream: Stream) -> None:
        """Carries one gateway's exchanges over a call that shares its connection, until it hangs up.

        Raises:
            CallFailed: it broke the protocol.
        """
        try:
            await self._run(CallMessageStream(stream))
        except RemoteProtocolError as error:
            raise CallFailed(_status(error), str(error)) from None

    async def _take(self, stream: DirectMessageStream) -> None:
        try:
            await self._run(stream)
        except RemoteProtocolError as error:
            await stream.finish(_status(error), str(error), CLOSE_TIMEOUT)
        except CallEnded as error:
            logger.debug("a gateway is gone: %s", error)

    async def _run(self, stream: MessageStream) -> None:
        tunnel = Tunnel(Half.PLUGIN, stream, serve=self._serve, settings=self._settings)
        self._tunnels.add(tunnel)
        if self._draining:
            tunnel.drain()
        try:
            await tunnel.run()
        except RemoteProtocolError as error:
            logger.warning("a gateway broke the tunnel's protocol: %s", error)
            raise
        finally:
            self._tunnels.discard(tunnel)


def _status(error: RemoteProtocolError) -> Status:
    return Status.FAILED_PRECONDITION if isinstance(error, VersionMismatch) else Status.INVALID_ARGUMENT
