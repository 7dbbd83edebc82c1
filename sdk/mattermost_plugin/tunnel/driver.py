"""One end of a tunnel on an event loop: its life, and at the plugin its tasks.

`Tunnel.run` owns everything, at the plugin one task for each exchange. When the stream ends, all exchanges end with it,
and `run` returns once no task is left.
"""

from __future__ import annotations

import asyncio
import platform

from mattermost_plugin.exchange import ResetCode, Serve
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.tunnel.carrier import Carrier
from mattermost_plugin.tunnel.errors import RemoteProtocolError, TunnelClosed
from mattermost_plugin.tunnel.parts import Hello
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.switch import Switch, TunnelExchange

logger = get_logger(__name__)

AGENT = f"servehttp python/{platform.python_version()}"


class Tunnel:
    """One end of a tunnel.

    Args:
        half: which end this is.
        carrier: the call that carries its messages.
        serve: answers one exchange (plugin).
        settings: limits.

    Attributes:
        switch: its exchanges.
        open: begins one; see `Switch.open`.
    """

    def __init__(
        self,
        half: Half,
        carrier: Carrier,
        *,
        serve: Serve | None = None,
        settings: TunnelSettings | None = None,
    ) -> None:
        self.settings = settings or TunnelSettings()
        self._carrier = carrier
        self._serve = serve
        self.switch = Switch(half, carrier, self.settings, self._begin if serve else None, self._orphan)
        self.open = self.switch.open
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._orphans: set[asyncio.Task[None]] = set()

    @property
    def in_flight(self) -> int:
        """How many exchanges are open."""
        return self.switch.in_flight

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that serve an exchange now (plugin); one may outlast its exchange."""
        return [task for task in self._tasks.values() if not task.done()]  # one cancelled before it ran stays listed

    @property
    def accepting(self) -> bool:
        """Whether `open` would begin an exchange."""
        core = self.switch.core
        return not (self.switch.closed or core.peer is None or core.draining or core.peer_draining)

    async def run(self) -> None:
        """Carry exchanges until the stream ends.

        Returns when the peer ended the stream in order. Every exchange still open is then, or on any error, reset, and
        every task of this tunnel has ended.

        Raises:
            RemoteProtocolError: the peer broke the protocol.
        """
        try:
            self.switch.greet(AGENT)
            await self._carrier.run(self.switch)
            if self.switch.core.peer is None:
                raise RemoteProtocolError("the stream ended before the hello")
        finally:
            self.switch.fail_all("the connection to the peer was lost")
            try:
                await self._carrier.close(self.settings.linger)
            finally:
                await self._finish_tasks()

    async def greeted(self) -> Hello:
        """Waits for the peer's hello."""
        await self.switch.greeted.wait()
        if self.switch.core.peer is None:
            raise TunnelClosed("the stream ended before the peer's hello")
        return self.switch.core.peer

    def announce_drain(self) -> None:
        """Tell the peer that this end is about to stop; exchanges begin and go on as before."""
        self.switch.announce_drain()

    def drain(self) -> None:
        """Begin nothing new, and tell the peer; exchanges that are open go on, tasks that nobody waits for do not."""
        self.switch.drain()
        for task in self._orphans:
            task.cancel()

    async def wait_idle(self) -> None:
        """Waits until no exchange is open."""
        await self.switch.idle.wait()

    def _begin(self, id: int, exchange: TunnelExchange) -> None:
        assert self._serve is not None
        if len(self._tasks) >= self.settings.max_exchanges:  # those that outlast their exchange count as well
            exchange.reset(ResetCode.REFUSED, f"{len(self._tasks)} requests are being served")
            return
        self._tasks[id] = asyncio.create_task(self._serve_one(self._serve, id, exchange))

    async def _serve_one(self, serve: Serve, id: int, exchange: TunnelExchange) -> None:
        try:
            await serve(exchange)
        except Exception:  # the border to what the tunnel serves: one exchange's failure stays its own
            logger.exception("serving %s failed", exchange.request.method)
        except asyncio.CancelledError:
            if not self.switch.core.has_answered(id):
                exchange.reset(ResetCode.CANCELLED, "the server was stopped")
            raise
        finally:
            del self._tasks[id]
            if self.switch.core.is_open(id):  # nobody is left to end it, or to read what comes; what was sent goes out
                exchange.reset(ResetCode.INTERNAL, "the server ended")

    def _orphan(self, id: int) -> None:
        """The client of a response that is under way has gone. The application is told when it sends, or receives; one
        that waits for something else meanwhile, as a stream of rare events does, is cancelled after a time."""
        task = self._tasks.get(id)
        if task is not None:
            timer = asyncio.get_running_loop().call_later(self.settings.orphan_timeout, task.cancel)
            task.add_done_callback(lambda _: timer.cancel())
            self._orphans.add(task)
            task.add_done_callback(self._orphans.discard)

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
