"""All plugins of a gateway, by id: started side by side, stopped side by side."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Protocol

import structlog

from servehttp.errors import ManifestError, PluginStartError
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.link import Link
from servehttp.plugins.manifest import Manifest
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.refused import refused_plugins
from servehttp.plugins.states import PluginState

STARTS_AT_ONCE = (os.cpu_count() or 1) + 2
"""Starting an interpreter keeps a core busy, and more at once would only make all miss their time-outs; the two more
are for plugins that wait for something else."""

DOWN = (PluginState.STOPPED, PluginState.FAILED)

log = structlog.get_logger("servehttp.plugins")


class PluginHandle(Protocol):
    """One plugin, as whoever routes to it or shows it sees it."""

    id: str
    link: Link | None
    """The connection while it runs, else None."""
    target: str | None
    """Where it listens, as gRPC names it; None while nobody shall be connected to it."""
    restarts: int
    started_in: float | None
    """Seconds that its last successful start took."""

    @property
    def state(self) -> PluginState:
        """Where it is in its life."""
        ...

    @property
    def reason(self) -> str | None:
        """Why it does not run, in one line."""
        ...

    def queue(self) -> None:
        """Say that it is to start once others have; it is stopped, or failed."""
        ...

    async def start(self) -> None:
        """Return when it runs, or raise `PluginStartError`; either way it is looked after from then on."""
        ...

    async def stop(self) -> None:
        """Stop it in order."""
        ...

    def describe(self) -> dict[str, object]:
        """All that an operator wants to know, as plain values."""
        ...


class Registry:
    """The plugins of one gateway.

    Args:
        plugins: each plugin, with an id of its own.
        reaper: ends their processes should the gateway be killed; started and stopped with them. None where they are
            another process's.
    """

    def __init__(self, plugins: Iterable[PluginHandle], reaper: Reaper | None) -> None:
        self._plugins = {plugin.id: plugin for plugin in plugins}
        self._reaper = reaper
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)
        self._stopping = False

    @classmethod
    def from_settings(
        cls, factory: PluginFactory, manifests: Iterable[Manifest], refused: Iterable[ManifestError] = ()
    ) -> Registry:
        """The plugins of these manifests, those that the settings attach, and what is refused, to be shown."""
        attached = [factory.attached(id, target) for id, target in factory.settings.plugins.attach.items()]
        # An attached plugin stands in for a started one of the same id: that is what somebody with a debugger wants.
        ids = {plugin.id for plugin in attached}
        started = [factory.started(manifest) for manifest in manifests if manifest.id not in ids]
        ids.update(plugin.id for plugin in started)
        return cls([*started, *attached, *refused_plugins(refused, ids)], factory.reaper)

    def get(self, plugin_id: str) -> PluginHandle | None:
        """The plugin with this id."""
        return self._plugins.get(plugin_id)

    def __iter__(self) -> Iterator[PluginHandle]:
        return iter(self._plugins.values())

    def __len__(self) -> int:
        return len(self._plugins)

    def add(self, plugin: PluginHandle) -> None:
        """Have another plugin, which is not started by that, in the place of one with the same id."""
        self._plugins[plugin.id] = plugin

    def remove(self, plugin_id: str) -> None:
        """Have a plugin no more; it should have been stopped. Nothing happens if it is not there."""
        self._plugins.pop(plugin_id, None)

    async def start(self, but: Container[str] = ()) -> Mapping[str, PluginStartError | None]:
        """Start all of them, `STARTS_AT_ONCE` at a time; one that fails does not concern the others.

        After `stop`, also one that came first, nothing is started any more.

        Args:
            but: the ids of those that are not to start.

        Returns:
            For each id None, or why its first start failed.
        """
        if self._reaper is not None and not self._stopping:
            await self._reaper.start()
        wanted = [plugin for plugin in self if plugin.id not in but]
        for plugin in wanted if not self._stopping else ():
            plugin.queue()
        results = await asyncio.gather(*(self._try_start(plugin) for plugin in wanted))
        return {plugin.id: result for plugin, result in zip(wanted, results, strict=True)}

    async def start_one(self, plugin: PluginHandle) -> None:
        """Start one of them; nothing happens if it runs, or is on its way.

        Raises:
            PluginStartError: its first start failed, or the gateway stops.
        """
        if plugin.state in DOWN and not self._stopping:
            plugin.queue()
        async with self._starts:
            if plugin.state in DOWN or plugin.state is PluginState.QUEUED:
                await self._start(plugin)

    async def stop(self) -> None:
        """Stop all of them at once, also those that are still starting, and then the reaper."""
        self._stopping = True
        try:
            results = await asyncio.gather(*(plugin.stop() for plugin in self), return_exceptions=True)
            for plugin, error in zip(self, results, strict=True):
                if isinstance(error, Exception):
                    log.error("plugin could not be stopped", plugin=plugin.id, exc_info=error)
        finally:
            if self._reaper is not None:
                await self._reaper.stop()

    async def _try_start(self, plugin: PluginHandle) -> PluginStartError | None:
        queued = plugin.state is PluginState.QUEUED
        try:
            async with self._starts:
                if queued and plugin.state is PluginState.STOPPED and not self._stopping:
                    return None  # somebody does not want it any more
                await self._start(plugin)
        except PluginStartError as error:
            return error
        return None

    async def _start(self, plugin: PluginHandle) -> None:
        if self._stopping:
            raise PluginStartError(plugin.id, "the gateway stops")
        await plugin.start()
