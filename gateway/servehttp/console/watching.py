"""Looks at the gateway: at once when somebody asks, and again and again for the history."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from servehttp.app import GatewayApp
from servehttp.console.history import History, Sample, sample
from servehttp.console.totals import Totals, totals
from servehttp.figures import Counter, Counts
from servehttp.metrics.processes import Usage, leaders, usages
from servehttp.plugins.handle import PluginHandle

FRESH = 1.0
"""Seconds for which a look counts as one from now, however many ask."""
NONE = Totals()

log = structlog.get_logger("servehttp.console")


@dataclass(frozen=True)
class Look:
    """How the gateway is at a moment.

    Attributes:
        time: in seconds since 1970.
        counts: what was counted, and is open.
        totals: the same, by plugin.
        used: what the plugins' processes take, by id.
        samples: what the moment is remembered by, by id.
    """

    time: float
    counts: Counts
    totals: Mapping[str, Totals]
    used: Mapping[str, Usage]
    samples: Mapping[str, Sample]


class Watch:
    """Looks at one gateway.

    Args:
        gateway: which.
        counter: knows its figures.
        interval: seconds between two looks that are remembered.

    Attributes:
        history: what they saw.
    """

    def __init__(self, gateway: GatewayApp, counter: Counter, interval: float) -> None:
        self.history = History()
        self._gateway = gateway
        self._counter = counter
        self._interval = interval
        self._last: Look | None = None
        self._looked = 0.0
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Remember how it is, at each interval; does not end by itself."""
        while True:
            try:
                look = await self.look()
                self.history.keep(look.samples, {plugin.id for plugin in self._gateway.registry})
            except Exception:  # a look that failed must not be the last one
                log.exception("figures could not be remembered")
            await asyncio.sleep(self._interval)

    async def look(self) -> Look:
        """How it is now, or was within the last second."""
        async with self._looking:
            if self._last is None or time.monotonic() - self._looked >= FRESH:
                self._last = await self._look()
                self._looked = time.monotonic()
            return self._last

    async def _look(self) -> Look:
        plugins: list[PluginHandle] = list(self._gateway.registry)
        # In a thread, for all processes of the machine are looked at.
        used = await asyncio.to_thread(usages, {plugin.id: leaders(plugin) for plugin in plugins})
        counts = await self._counter.counts()
        now, counted = time.time(), totals(counts)
        samples = {}
        for plugin in plugins:
            usage = used.get(plugin.id)
            memory, cpu = (usage.memory, usage.cpu) if usage is not None else (None, None)
            samples[plugin.id] = sample(now, counted.get(plugin.id, NONE), memory, cpu)
        return Look(now, counts, counted, used, samples)
