"""A bus in one process: gateways that a program or a test has side by side."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from servehttp.workspace.bus.bus import Message, Receive


class MemoryHub:
    """What the ends are joined by."""

    def __init__(self) -> None:
        self.ends: dict[MemoryBus, Receive] = {}

    def bus(self) -> MemoryBus:
        """One more end."""
        return MemoryBus(self)


class MemoryBus:
    """An end; a `Bus`.

    Args:
        hub: what it is joined to others by.

    Attributes:
        node: its name.
    """

    def __init__(self, hub: MemoryHub) -> None:
        self.node = secrets.token_hex(8)
        self._hub = hub

    async def open(self, receive: Receive, lost: Callable[[], None]) -> None:
        """Take part from now on; nothing is ever lost."""
        self._hub.ends[self] = receive

    def publish(self, message: Message) -> None:
        """Tell the others, in turns of the event loop that follow."""
        loop = asyncio.get_running_loop()
        for end in self._hub.ends:
            if end is not self:
                loop.call_soon(end.take, message)

    def take(self, message: Message) -> None:
        """A message of another end."""
        receive = self._hub.ends.get(self)
        if receive is not None:
            receive(message)

    async def close(self) -> None:
        """Take part no more."""
        await asyncio.sleep(0)  # what was published is on its way, and comes first
        self._hub.ends.pop(self, None)
