"""All plugins as a worker sees them: made of what the main process reports of their replicas.

While a plugin is replaced there are two versions of it. Requests go to the newer one as soon as that runs here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.registry import Registry
from servehttp.plugins.replicas import ReplicatedPlugin
from servehttp.plugins.states import PluginState
from servehttp.workers.messages import Gone, Report
from servehttp.workers.mirror import MirroredPlugin, MirrorPolicy


class Mirrors:
    """The plugins of a worker.

    Args:
        make: makes the mirror of a replica, by the plugin's id, its number and its generation.

    Attributes:
        registry: the plugins.
    """

    def __init__(self, make: Callable[[str, int | None, int], MirroredPlugin]) -> None:
        self.registry = Registry([], reaper=None)
        self._make = make
        self._mirrors: dict[tuple[str, int | None, int], MirroredPlugin] = {}
        self._versions: dict[str, dict[int, PluginHandle]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._started = False

    async def start(self) -> None:
        """Connect to those that were reported; returns when all of their reports were acted on."""
        self._started = True
        await asyncio.gather(*(mirror.start() for mirror in self._mirrors.values()))

    async def stop(self) -> None:
        """Hang up."""
        await asyncio.gather(*(mirror.stop() for mirror in self._mirrors.values()))
        await asyncio.gather(*self._leaving)

    def change(self, policy: MirrorPolicy) -> None:
        """Go by other times from now on."""
        for mirror in self._mirrors.values():
            mirror.change(policy)

    def tell(self, report: Report) -> None:
        """The main process says what became of a replica, which may be a new one."""
        which = report.about["id"], report.about.get("replica"), report.generation
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
        mirror = self._mirrors.pop((gone.plugin, gone.replica, gone.generation), None)
        if mirror is None:
            return
        self._remove(mirror)
        task = asyncio.create_task(mirror.stop())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _add(self, mirror: MirroredPlugin) -> None:
        versions = self._versions.setdefault(mirror.id, {})
        if mirror.number is None:
            version: PluginHandle = mirror
        else:
            version = versions.get(mirror.generation) or ReplicatedPlugin(mirror.id, (), mirror.generation)
        versions[mirror.generation] = version
        version.changed = partial(self._choose, mirror.id)
        if isinstance(version, ReplicatedPlugin):
            version.add(mirror)
        self._choose(mirror.id)

    def _remove(self, mirror: MirroredPlugin) -> None:
        versions = self._versions[mirror.id]
        version = versions[mirror.generation]
        if isinstance(version, ReplicatedPlugin):
            version.remove(mirror)
        if version is mirror or not version.replicas:
            version.changed = None
            del versions[mirror.generation]
        self._choose(mirror.id)

    def _choose(self, plugin_id: str) -> None:
        """Have requests go to the newest version that runs; where none does, they stay where they are."""
        versions = self._versions[plugin_id]
        present = self.registry.get(plugin_id)
        if not versions:
            del self._versions[plugin_id]
            self.registry.remove(plugin_id)
            return
        running = [generation for generation, version in versions.items() if version.state is PluginState.RUNNING]
        if running:
            chosen = versions[max(running)]
        elif present is not None and present in versions.values():
            chosen = present
        else:
            chosen = versions[max(versions)]
        if chosen is not present:
            self.registry.add(chosen)
