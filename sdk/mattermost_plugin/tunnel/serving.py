"""A plugin's tasks, one for each exchange that its tunnel serves."""

from __future__ import annotations

import asyncio

from mattermost_plugin.exchange import ResetCode, Serve
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.tunnel.multiplexer import TunnelExchange
from mattermost_plugin.tunnel.settings import TunnelSettings

logger = get_logger(__name__)


class ExchangeTasks:
    """Serves exchanges; whoever makes it ends the tasks that are left.

    Args:
        serve: answers one exchange.
        settings: limits.
    """

    def __init__(self, serve: Serve, settings: TunnelSettings) -> None:
        self._serve = serve
        self._settings = settings
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._orphans: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """Those that serve an exchange now; one may outlast its exchange."""
        return [task for task in self._tasks.values() if not task.done()]  # one cancelled before it ran stays listed

    def begin(self, id: int, exchange: TunnelExchange) -> None:
        """Serve an exchange that the peer opened."""
        if len(self._tasks) >= self._settings.max_exchanges:  # those that outlast their exchange count as well
            exchange.reset(ResetCode.REFUSED, f"{len(self._tasks)} requests are being served")
            return
        self._tasks[id] = asyncio.create_task(self._serve_one(id, exchange))

    async def _serve_one(self, id: int, exchange: TunnelExchange) -> None:
        try:
            await self._serve(exchange)
        except Exception:  # the border to what the tunnel serves: one exchange's failure stays its own
            logger.exception("serving %s failed", exchange.request.method)
        except asyncio.CancelledError:
            if not exchange.answered:
                exchange.reset(ResetCode.CANCELLED, "the server was stopped")
            raise
        finally:
            del self._tasks[id]
            # Nobody is left to end it, or to read what comes; what was sent goes out.
            if exchange.open:
                exchange.reset(ResetCode.INTERNAL, "the server ended")

    def orphan(self, id: int) -> None:
        """The client of a response that is under way has gone. The application is told when it sends, or receives; one
        that waits for something else meanwhile, as a stream of rare events does, is cancelled after a time."""
        task = self._tasks.get(id)
        if task is not None:
            timer = asyncio.get_running_loop().call_later(self._settings.orphan_timeout, task.cancel)
            task.add_done_callback(lambda _: timer.cancel())
            self._orphans.add(task)
            task.add_done_callback(self._orphans.discard)

    def cancel_orphans(self) -> None:
        """End the tasks whose response nobody wants any more."""
        for task in self._orphans:
            task.cancel()
