"""The two ways across to a plugin, behind one interface; nothing above knows which one it uses."""

from __future__ import annotations

import asyncio
from typing import Protocol

from mattermost_plugin.exchange import Exchange, Part, Request
from mattermost_plugin.sink import Carrier, SinkExchange
from mattermost_plugin.statuses import Status
from mattermost_plugin.tunnel.direct import CallEnded
from mattermost_plugin.tunnel.driver import Tunnel
from mattermost_plugin.tunnel.errors import TunnelClosed, TunnelError
from mattermost_plugin.tunnel.message_stream import MessageStream
from mattermost_plugin.tunnel.rpc import CONNECT
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.tunnel.states import Half
from servehttp.errors import LinkError, NoTunnelError
from servehttp.plugins.dialing import Dialing


class Transport(Protocol):
    """Carries exchanges to one plugin.

    Attributes:
        name: as operators know it.
        carries_websockets: whether an exchange may be a WebSocket.
        carrier: its exchanges, and how many they are.
    """

    name: str
    carries_websockets: bool
    carrier: Carrier

    def begin(self, request: Request, *parts: Part) -> SinkExchange:
        """Begin an exchange without waiting, with what there is of it beside the head.

        Raises:
            TunnelClosed: it cannot be begun here at the moment, and nothing of it was sent.
        """
        ...

    async def open(self, request: Request) -> Exchange:
        """Begin an exchange.

        Raises:
            LinkError: it cannot be begun here, and nothing of it was sent.
        """
        ...

    async def wait_lost(self) -> str:
        """Returns why, once nothing can be carried any more."""
        ...

    def announce_drain(self) -> None:
        """Tell the plugin that this end is about to stop; exchanges begin and go on as before."""
        ...

    async def drain(self) -> None:
        """Take no new exchange, and return when none is open."""
        ...

    async def close(self) -> None:
        """End everything, and leave no task or call behind."""
        ...


class TunnelTransport:
    """All exchanges over one stream: docs/protocol.md.

    Attributes:
        begin: the multiplexer's own `open`: a method around it would cost every request a call that is not compiled.
    """

    name = "tunnel"
    carries_websockets = True

    def __init__(self, stream: MessageStream, settings: TunnelSettings) -> None:
        self._tunnel = Tunnel(Half.GATEWAY, stream, settings=settings)
        self.carrier: Carrier = self._tunnel.multiplexer
        self.begin = self._tunnel.multiplexer.open
        self._run = asyncio.create_task(self._tunnel.run())

    @classmethod
    async def start(cls, dialing: Dialing, settings: TunnelSettings, timeout: float) -> TunnelTransport:
        """Open the stream, and wait for the plugin's hello.

        Raises:
            NoTunnelError: the plugin does not know the tunnel.
            LinkError: it does, but no tunnel came about.
        """
        transport = cls(await dialing.call(CONNECT, timeout), settings)
        try:
            await transport._greeted(timeout)
        except BaseException:
            await transport.close()
            raise
        return transport

    async def open(self, request: Request) -> Exchange:
        try:
            return self.begin(request)
        except TunnelClosed as error:
            raise LinkError(str(error)) from None

    async def wait_lost(self) -> str:
        await asyncio.wait((self._run,))
        return self._reason()

    def announce_drain(self) -> None:
        self._tunnel.announce_drain()

    async def drain(self) -> None:
        self._tunnel.drain()
        await self._tunnel.wait_idle()

    async def close(self) -> None:
        self._run.cancel()
        await asyncio.gather(self._run, return_exceptions=True)

    async def _greeted(self, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._tunnel.greeted()
        except TunnelClosed:
            raise await self._problem() from None
        except TimeoutError:
            raise LinkError(f"the plugin opened no tunnel within {timeout:g} s") from None

    async def _problem(self) -> LinkError:
        """Why the stream ended before the hello."""
        await asyncio.wait((self._run,))
        error = self._run.exception()
        if isinstance(error, CallEnded) and error.status == Status.UNIMPLEMENTED:
            return NoTunnelError("the plugin knows no tunnel")
        return LinkError(self._reason())

    def _reason(self) -> str:
        error = None if self._run.cancelled() else self._run.exception()
        if isinstance(error, CallEnded):
            return f"the tunnel broke: {error}"
        if isinstance(error, TunnelError):
            return f"the plugin broke the tunnel's protocol: {error}"
        return f"the tunnel failed: {error!r}" if error else "the plugin closed the tunnel"
