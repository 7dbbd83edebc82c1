"""Plugins' own metrics: asked of each process when Prometheus asks, side by side, each within its time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import structlog
from prometheus_client.metrics_core import Metric

from servehttp.errors import LinkError
from servehttp.logs import of_replica
from servehttp.metrics.foreign import BadMetrics, read_metrics
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.link import Link, Unimplemented
from servehttp.settings.server import MetricsSettings

log = structlog.get_logger("servehttp.metrics")

OWN = ("servehttp_", "http_server_")
"""How names begin that are the gateway's to tell."""


class Source(NamedTuple):
    """A process of a plugin."""

    plugin_id: str
    replica: int | None
    link: Link

    @property
    def labels(self) -> Mapping[str, str]:
        """What its series are labelled with."""
        number = {} if self.replica is None else {"replica": str(self.replica)}
        return {"plugin_id": self.plugin_id, **number}


class Gathering:
    """Asks plugins for their metrics, all at once and not again while it does.

    Args:
        registry: the plugins.
        settings: how long, how large and how many.
    """

    def __init__(self, registry: Iterable[PluginHandle], settings: MetricsSettings) -> None:
        self._registry = registry
        self._settings = settings
        self._running: asyncio.Task[Sequence[Sequence[Metric]]] | None = None
        self._told: dict[tuple[str, int | None], str] = {}

    async def gather(self) -> Sequence[Sequence[Metric]]:
        """The families of each process that has any."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._gather())
        return await asyncio.shield(self._running)

    async def close(self) -> None:
        """Ask no more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _gather(self) -> Sequence[Sequence[Metric]]:
        sources = [
            Source(plugin.id, replica.number, replica.link)
            for plugin in self._registry
            for replica in plugin.replicas
            if replica.link is not None
        ]
        return [found for found in await asyncio.gather(*map(self._of, sources)) if found]

    async def _of(self, source: Source) -> Sequence[Metric]:
        settings, problem = self._settings, ""
        found: Sequence[Metric] = ()
        try:
            text = await source.link.gather(int(settings.plugin_size), settings.plugin_timeout)
            if text:
                found = await asyncio.to_thread(read_metrics, text, source.labels, settings.plugin_series)
        except Unimplemented:
            pass
        except (LinkError, BadMetrics) as error:
            problem = str(error)
        self._tell(source, problem)
        return found

    def _tell(self, source: Source, problem: str) -> None:
        """Log what is wrong with a plugin's metrics, once for as long as it is."""
        key = (source.plugin_id, source.replica)
        if problem and self._told.get(key) != problem:
            whose = {"plugin": source.plugin_id, **of_replica(source.replica)}
            log.warning("a plugin's own metrics are missing", error=problem, **whose)
        self._told[key] = problem


def merged(own: Iterable[Metric], of_process: Iterable[Metric], of_plugins: Iterable[Sequence[Metric]]) -> list[Metric]:
    """All families, each once.

    Args:
        own: the gateway's.
        of_process: those of any process, which plugins have as well.
        of_plugins: those of plugins' processes. One that has the gateway's name, or another kind than that of the same
            name before it, or samples of another one's, is left out.
    """
    families = {family.name: family for family in of_process}
    owners = {sample.name: family.name for family in families.values() for sample in family.samples}
    for family in chain.from_iterable(of_plugins):
        names = {sample.name for sample in family.samples}
        if family.name.startswith(OWN) or any(owners.get(name, family.name) != family.name for name in names):
            continue
        told = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
        if told.type == family.type:
            told.samples.extend(family.samples)
            owners |= dict.fromkeys(names, family.name)
    return [*own, *families.values()]
