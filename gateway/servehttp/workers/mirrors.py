"""All plugins as a worker sees them: made of what the main process reports of their replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from servehttp.plugins.registry import Registry
from servehttp.plugins.replicas import ReplicatedPlugin
from servehttp.workers.messages import Gone, Report
from servehttp.workers.mirror import MirroredPlugin


class Mirrors:
    """The plugins of a worker.

    Args:
        make: makes the mirror of a replica, by the plugin's id and its number.

    Attributes:
        registry: the plugins.
    """

    def __init__(self, make: Callable[[str, int | None], MirroredPlugin]) -> None:
        self.registry = Registry([], reaper=None)
        self._make = make
        self._mirrors: dict[tuple[str, int | None], MirroredPlugin] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._started = False

    async def start(self) -> None:
        """Connect to those that were reported; returns when all of their reports were acted on."""
        self._started = True
        await self.registry.start()

    async def stop(self) -> None:
        """Hang up."""
        await self.registry.stop()
        await asyncio.gather(*self._leaving)

    def tell(self, report: Report) -> None:
        """The main process says what became of a replica, which may be a new one."""
        which = report.about["id"], report.about.get("replica")
        mirror = self._mirrors.get(which)
        if mirror is not None:
            mirror.tell(report)
            return
        mirror = self._mirrors[which] = self._make(*which)
        self._add(mirror)
        mirror.tell(report)
        if self._started:
            mirror.follow()

    def forget(self, gone: Gone) -> None:
        """There is a replica no more."""
        mirror = self._mirrors.pop((gone.plugin, gone.replica), None)
        if mirror is None:
            return
        self._remove(mirror)
        task = asyncio.create_task(mirror.stop())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _add(self, mirror: MirroredPlugin) -> None:
        plugin = self.registry.get(mirror.id)
        if mirror.number is None:
            self.registry.add(mirror)
        elif isinstance(plugin, ReplicatedPlugin):
            plugin.add(mirror)
        else:
            self.registry.add(ReplicatedPlugin(mirror.id, [mirror]))

    def _remove(self, mirror: MirroredPlugin) -> None:
        plugin = self.registry.get(mirror.id)
        if isinstance(plugin, ReplicatedPlugin):
            plugin.remove(mirror)
        if plugin is not None and (plugin is mirror or not plugin.replicas):
            self.registry.remove(mirror.id)
