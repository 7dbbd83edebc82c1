"""The contract's own way across: a ServeHTTP call for each exchange, for plugins that know no tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mattermost_plugin.exchange import Exchange, Request
from mattermost_plugin.http2.channel import ClientChannel
from mattermost_plugin.http2.connecting import CannotConnect
from mattermost_plugin.serve_http.called import Caller
from mattermost_plugin.sink import Carrier
from mattermost_plugin.tunnel.errors import TunnelClosed
from servehttp.errors import LinkError

DRAINING = "the plugin is being stopped and takes no new request"
CLOSING = "the connection is being closed"

Connect = Callable[[], Awaitable[ClientChannel]]


class CallTransport:
    """One call for each exchange, all over one connection; a `Transport`.

    A plugin may end a connection in order, when it is old, and go on to serve: another one is made then, and what was
    begun on the first goes on there. One that is lost is not made anew, for behind it there may be another process.

    Args:
        connect: makes a connection.
        channel: the first one.

    Attributes:
        carrier: the exchanges.
        begin: the caller's own: a method around it would cost every request a call that is not compiled.
    """

    name = "servehttp"
    carries_websockets = False

    def __init__(self, connect: Connect, channel: ClientChannel) -> None:
        self._connect = connect
        self._caller = Caller()
        self._caller.use(channel)
        self.carrier: Carrier = self._caller
        self.begin = self._caller.begin
        self._channels = {channel}
        self._run = asyncio.create_task(self._keep_connected(channel))

    @classmethod
    async def start(cls, connect: Connect) -> CallTransport:
        """Connect.

        Raises:
            LinkError: nobody is there who speaks HTTP/2.
        """
        try:
            channel = await connect()
        except CannotConnect as error:
            raise LinkError(str(error)) from None
        return cls(connect, channel)

    async def open(self, request: Request) -> Exchange:
        try:
            return self.begin(request)
        except TunnelClosed as error:
            raise LinkError(str(error)) from None

    async def wait_lost(self) -> str:
        await asyncio.wait((self._run,))
        return "the connection to the plugin was lost"

    def announce_drain(self) -> None:
        """The contract has no way to say it."""

    async def drain(self) -> None:
        self._caller.stop(DRAINING)
        await self._caller.idle.wait()

    async def close(self) -> None:
        self._caller.close(CLOSING)
        self._run.cancel()
        await asyncio.gather(self._run, return_exceptions=True)
        await asyncio.gather(*[channel.close() for channel in self._channels])

    async def _keep_connected(self, channel: ClientChannel) -> None:
        """Returns once the plugin cannot be called any more."""
        try:
            while await asyncio.shield(channel.draining):
                self._retire(channel)
                channel = await self._connect()
                self._channels.add(channel)
                self._caller.use(channel)
        except (CannotConnect, LinkError):
            pass
        finally:
            self._caller.lose("the connection to the plugin was lost")

    def _retire(self, channel: ClientChannel) -> None:
        """Hang up once no call is open there; the plugin may do so first."""
        channel.hang_up_when_idle()
        channel.closed.add_done_callback(lambda _: self._channels.discard(channel))
