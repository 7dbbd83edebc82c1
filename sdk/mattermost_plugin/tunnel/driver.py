"""One end of a tunnel on an event loop: its life, and at the plugin its tasks.

`Tunnel.run` owns everything, at the plugin one task for each exchange. When the stream ends, all exchanges end with it,
and `run` returns once no task is left.
"""

from __future__ import annotations

import asyncio
import platform

from mattermost_plugin.exchange import ResetCode, Serve
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.tunnel.errors import RemoteProtocolError, TunnelClosed
from mattermost_plugin.tunnel.message_stream import MessageStream
from mattermost_plugin.tunnel.multiplexer import Multiplexer, TunnelExchange
from mattermost_plugin.tunnel.parts import Hello
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.tunnel.states import Half

logger = get_logger(__name__)

AGENT = f"servehttp python/{platform.python_version()}"


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
        self._serve = serve
        self.multiplexer = Multiplexer(half, stream, self.settings, self._begin if serve else None, self._orphan)
        self.open = self.multiplexer.open
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._orphans: set[asyncio.Task[None]] = set()

    @property
    def in_flight(self) -> int:
        """How many exchanges are open."""
        return self.multiplexer.in_flight

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that serve an exchange now (plugin); one may outlast its exchange."""
        return [task for task in self._tasks.values() if not task.done()]  # one cancelled before it ran stays listed

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
        for task in self._orphans:
            task.cancel()

    async def wait_idle(self) -> None:
        """Waits until no exchange is open."""
        await self.multiplexer.idle.wait()

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
            if not self.multiplexer.core.has_answered(id):
                exchange.reset(ResetCode.CANCELLED, "the server was stopped")
            raise
        finally:
            del self._tasks[id]
            if self.multiplexer.core.is_open(
                id
            ):  # nobody is left to end it, or to read what comes; what was sent goes out
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
