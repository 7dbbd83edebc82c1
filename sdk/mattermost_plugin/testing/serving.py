"""One exchange with the plugin, from the client's side: its task, its time-out, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Informational, Part, Request, ResetCode
from mattermost_plugin.testing.memory import MemoryExchange
from mattermost_plugin.tunnel.settings import LINGER

GONE = "the client went away"


class Call:
    """The client's end of one exchange.

    Args:
        exchange: the gateway's end.
        timeout: seconds that the plugin has for each step.
    """

    def __init__(self, exchange: MemoryExchange, timeout: float) -> None:
        self._exchange = exchange
        self._timeout = timeout
        self._target = exchange.request.target.decode("latin-1")

    async def send(self, part: Part) -> None:
        """Send a part.

        Raises:
            ExchangeReset: the plugin takes no more.
            TimeoutError: it does not take what was sent before.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._exchange.send(part)
        except TimeoutError:
            raise TimeoutError(f"the plugin took nothing for {self._timeout:g} s ({self._target})") from None

    async def receive(self) -> Part:
        """The plugin's next part; interim responses are passed over.

        Raises:
            ExchangeReset: there is none any more.
            TimeoutError: it sends nothing.
        """
        try:
            async with asyncio.timeout(self._timeout):
                while isinstance(part := await self._exchange.receive(), Informational):
                    pass
        except TimeoutError:
            raise TimeoutError(f"the plugin sent nothing for {self._timeout:g} s ({self._target})") from None
        return part

    def leave(self) -> None:
        """Go away; after the end of the exchange it does nothing."""
        self._exchange.reset(ResetCode.CANCELLED, GONE)


@asynccontextmanager
async def serving(adapter: ASGIAdapter, request: Request, timeout: float) -> AsyncIterator[Call]:
    """Have the plugin serve a request meanwhile. At the end the client leaves, and the plugin comes to its own end.

    As in production a plugin that goes on without its client is cancelled after `LINGER` seconds.
    """
    ours, theirs = MemoryExchange.pair(request)
    task = asyncio.create_task(adapter.serve(theirs))
    call = Call(ours, timeout)
    try:
        yield call
    finally:
        call.leave()
        try:
            await asyncio.wait((task,), timeout=LINGER)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
