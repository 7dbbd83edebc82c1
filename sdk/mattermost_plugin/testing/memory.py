"""An exchange whose two ends are in one process: what the tunnel is in production, without a wire."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from mattermost_plugin.exchange import Part, Request, Reset, ResetCode
from mattermost_plugin.exchange_reset import ExchangeReset

WINDOW = 16
"""Parts that one end may be ahead of the other; beyond it `send` waits."""


class MemoryExchange:
    """One end, an `Exchange`; `pair` makes both.

    Args:
        request: what opens the exchange.
        line: what both ends share.
        incoming: parts for this end.
        outgoing: parts for the other end.
    """

    def __init__(self, request: Request, line: Line, incoming: deque[Part], outgoing: deque[Part]) -> None:
        self.request = request
        self._line = line
        self._incoming = incoming
        self._outgoing = outgoing
        self.stopping = asyncio.Event()

    @classmethod
    def pair(cls, request: Request) -> tuple[MemoryExchange, MemoryExchange]:
        """The gateway's end and the plugin's."""
        line, to_plugin, to_gateway = Line(), deque[Part](), deque[Part]()
        return cls(request, line, to_gateway, to_plugin), cls(request, line, to_plugin, to_gateway)

    async def receive(self) -> Part:
        """The next part; see `Exchange`."""
        await self._line.until(lambda: bool(self._incoming))
        if not self._incoming:
            raise self._line.error()
        part = self._incoming.popleft()
        self._line.tell()
        return part

    def end_receive_at_stop(self) -> None:
        """See `PluginExchange`; a test has no stop."""

    async def send(self, *parts: Part) -> None:
        """Send parts; see `Exchange`."""
        for part in parts:
            await self._line.until(lambda: len(self._outgoing) < WINDOW)
            if self._line.end is not None:
                raise self._line.error()
            self._outgoing.append(part)
            self._line.tell()

    def reset(self, code: ResetCode, reason: str = "") -> None:
        """End the exchange; see `Exchange`."""
        self._line.end = self._line.end or Reset(code, reason)
        self._line.tell()


class Line:
    """What the two ends share: whether the exchange is over, and the news that something has changed.

    Attributes:
        end: how it ended; None while it goes on.
    """

    def __init__(self) -> None:
        self.end: Reset | None = None
        self._changed = asyncio.Event()

    async def until(self, met: Callable[[], bool]) -> None:
        """Waits until a condition is met, or the exchange is over."""
        while self.end is None and not met():
            await self._changed.wait()

    def tell(self) -> None:
        """Something has changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    def error(self) -> ExchangeReset:
        """The exception for the end."""
        assert self.end is not None
        return ExchangeReset.of(self.end)
