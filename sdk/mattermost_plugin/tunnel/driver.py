"""One end of a tunnel on an event loop: its life.

`Tunnel.run` owns everything, at the plugin one task for each exchange. When the stream ends, all exchanges end with it,
and `run` returns once no task is left.
"""

from __future__ import annotations

import asyncio
import sys

from mattermost_plugin.exchange import Serve
from mattermost_plugin.tunnel.errors import RemoteProtocolError, TunnelClosed
from mattermost_plugin.tunnel.message_stream import MessageStream
from mattermost_plugin.tunnel.multiplexer import Multiplexer
from mattermost_plugin.tunnel.parts import Hello
from mattermost_plugin.tunnel.serving import ExchangeTasks
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.tunnel.states import Half

AGENT = f"servehttp python/{'.'.join(map(str, sys.version_info[:3]))}"


class Tunnel:
    """One end of a tunnel.

    Args:
        half: which end this is.
        stream: the call that carries its messages.
        serve: answers one exchange (plugin).
        settings: limits.

    Attributes:
        multiplexer: its exchanges.
        open: begins one; see `Multiplexer.open`.
    """

    def __init__(
        self,
        half: Half,
        stream: MessageStream,
        *,
        serve: Serve | None = None,
        settings: TunnelSettings | None = None,
    ) -> None:
        self.settings = settings or TunnelSettings()
        self._stream = stream
        self._tasks = tasks = ExchangeTasks(serve, self.settings) if serve else None
        self.multiplexer = Multiplexer(
            half, stream, self.settings, tasks.begin if tasks else None, tasks.orphan if tasks else None
        )
        self.open = self.multiplexer.open

    @property
    def in_flight(self) -> int:
        """How many exchanges are open."""
        return self.multiplexer.in_flight

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that serve an exchange now (plugin); one may outlast its exchange."""
        return self._tasks.running if self._tasks else []

    @property
    def accepting(self) -> bool:
        """Whether `open` would begin an exchange."""
        core = self.multiplexer.core
        return not (self.multiplexer.closed or core.peer is None or core.draining or core.peer_draining)

    async def run(self) -> None:
        """Carry exchanges until the stream ends.

        Returns when the peer ended the stream in order. Every exchange still open is then, or on any error, reset, and
        every task of this tunnel has ended.

        Raises:
            RemoteProtocolError: the peer broke the protocol.
        """
        try:
            self.multiplexer.greet(AGENT)
            await self._stream.run(self.multiplexer)
            if self.multiplexer.core.peer is None:
                raise RemoteProtocolError("the stream ended before the hello")
        finally:
            self.multiplexer.fail_all("the connection to the peer was lost")
            try:
                await self._stream.close(self.settings.linger)
            finally:
                await self._finish_tasks()

    async def greeted(self) -> Hello:
        """Waits for the peer's hello."""
        await self.multiplexer.greeted.wait()
        if self.multiplexer.core.peer is None:
            raise TunnelClosed("the stream ended before the peer's hello")
        return self.multiplexer.core.peer

    def announce_drain(self) -> None:
        """Tell the peer that this end is about to stop; exchanges begin and go on as before."""
        self.multiplexer.announce_drain()

    def drain(self) -> None:
        """Begin nothing new, and tell the peer; exchanges that are open go on, tasks that nobody waits for do not."""
        self.multiplexer.drain()
        if self._tasks is not None:
            self._tasks.cancel_orphans()

    async def wait_idle(self) -> None:
        """Waits until no exchange is open."""
        await self.multiplexer.idle.wait()

    async def _finish_tasks(self) -> None:
        """The applications have been told; those that do not end by themselves are cancelled."""
        tasks = self.tasks
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, timeout=self.settings.linger)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
