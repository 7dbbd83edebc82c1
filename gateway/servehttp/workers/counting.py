"""The figures of all workers, those that are gone included: what was counted never gets less."""

from __future__ import annotations

import asyncio
import contextlib

from servehttp.figures import Counts, Figures
from servehttp.workers.channel import Channel
from servehttp.workers.messages import Count, Counted


class WorkerFigures:
    """Asks workers for their figures; a `Counter`.

    A worker takes part from its `join` to its `leave`.

    Args:
        timeout: seconds that they have.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._number = 0
        self._told: dict[Channel, Counted] = {}
        self._gone = Figures()
        self._changed = asyncio.Event()

    def join(self, channel: Channel) -> None:
        """Ask another worker as well."""
        self._told[channel] = Counted(0, {}, {})

    def note(self, channel: Channel, counted: Counted) -> None:
        """A worker has told its figures."""
        if channel in self._told:
            self._told[channel] = counted
            self._wake()

    def leave(self, channel: Channel) -> None:
        """A worker is gone, or goes: what it has told last stays counted."""
        told = self._told.pop(channel, None)
        if told is not None:
            self._gone.add(Figures.from_json(told.counted))
            self._wake()

    async def counts(self) -> Counts:
        """Those of all; of one that does not tell them in time, what it has told last."""
        self._number = number = self._number + 1
        for channel in self._told:
            channel.send(Count(number))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeout):
                while any(told.number < number for told in self._told.values()):
                    await self._changed.wait()
        counted, present = Figures(), Figures()
        counted.add(self._gone)
        for told in self._told.values():
            counted.add(Figures.from_json(told.counted))
            present.add(Figures.from_json(told.present))
        return Counts(counted, present)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
