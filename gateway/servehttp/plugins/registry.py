"""All plugins of a gateway, by id: started side by side, stopped side by side."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

import structlog

from servehttp.errors import ManifestError, PluginStartError
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.handle import PluginHandle, Replica
from servehttp.plugins.manifest import Manifest
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.refused import refused_plugins
from servehttp.plugins.states import PluginState
from servehttp.plugins.supervision import PluginObservers
from servehttp.plugins.versions import Versions

STARTS_AT_ONCE = (os.cpu_count() or 1) + 2
"""Starting an interpreter keeps a core busy, and more at once would only make all miss their time-outs; the two more
are for plugins that wait for something else."""

DOWN = (PluginState.STOPPED, PluginState.FAILED)

log = structlog.get_logger("servehttp.plugins")


class Registry:
    """The plugins of one gateway.

    Args:
        plugins: each plugin, with an id of its own.
        reaper: ends their processes should the gateway be killed; started and stopped with them. None where they are
            another process's.
        observers: who is told when replicas are there no more.
        versions: what their host is told by which version of a plugin it fires hooks in; None where there is no host.
        alone: the ids of plugins of which two versions cannot run side by side.
    """

    def __init__(
        self,
        plugins: Iterable[PluginHandle],
        reaper: Reaper | None,
        observers: PluginObservers | None = None,
        versions: Versions | None = None,
        alone: Container[str] = (),
    ) -> None:
        self._plugins = {plugin.id: plugin for plugin in plugins}
        self._reaper = reaper
        self._observers = observers
        self._versions = versions
        self._alone = alone
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)
        self._restarts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._coming: set[PluginHandle] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._stopping = False

    @classmethod
    def from_settings(
        cls, factory: PluginFactory, manifests: Iterable[Manifest], refused: Iterable[ManifestError] = ()
    ) -> Registry:
        """The plugins of these manifests, those that the settings attach, and what is refused, to be shown."""
        attached = [factory.attached(id, targets) for id, targets in factory.settings.plugins.attach.items()]
        # An attached plugin stands in for another one of the same id: that is what somebody with a debugger wants.
        ids = {plugin.id for plugin in attached}
        remote = factory.settings.plugins.remote
        attached += [factory.remote(id, place) for id, place in remote.items() if id not in ids]
        ids.update(remote)
        started = [factory.started(manifest) for manifest in manifests if manifest.id not in ids]
        ids.update(plugin.id for plugin in started)
        return cls(
            [*started, *attached, *refused_plugins(refused, ids)],
            factory.reaper,
            factory.observers,
            factory.versions,
            factory.settings.plugins.debugpy,
        )

    def get(self, plugin_id: str) -> PluginHandle | None:
        """The plugin with this id."""
        return self._plugins.get(plugin_id)

    @property
    def coming(self) -> Iterable[PluginHandle]:
        """Versions that start, and are to take the place of those that are here."""
        return tuple(self._coming)

    def __iter__(self) -> Iterator[PluginHandle]:
        return iter(self._plugins.values())

    def __len__(self) -> int:
        return len(self._plugins)

    def add(self, plugin: PluginHandle) -> None:
        """Have another plugin, which is not started by that, in the place of one with the same id."""
        self.remove(plugin.id)
        self._plugins[plugin.id] = plugin
        if self._observers is not None:
            for replica in plugin.replicas:
                self._observers.notify(replica)

    def remove(self, plugin_id: str) -> None:
        """Have a plugin no more; it should have been stopped. Nothing happens if it is not there."""
        plugin = self._plugins.pop(plugin_id, None)
        if plugin is not None:
            self._forget(plugin)

    async def start(self, but: Container[str] = ()) -> Mapping[str, PluginStartError | None]:
        """Start all of them, `STARTS_AT_ONCE` replicas at a time; one that fails does not concern the others.

        Every plugin's first replica comes before any one's second. After `stop`, also one that came first, nothing is
        started any more.

        Args:
            but: the ids of those that are not to start.

        Returns:
            For each id None, or why the first start of its replicas failed.
        """
        if self._reaper is not None and not self._stopping:
            await self._reaper.start()
        wanted = {plugin.id: plugin.replicas for plugin in self if plugin.id not in but}
        rows = itertools.zip_longest(*wanted.values())
        problems, _ = await asyncio.gather(
            self._start_all([replica for row in rows for replica in row if replica is not None]),
            self._begin([plugin for plugin in self if plugin.id in wanted]),
        )
        return {id: _problem([problems[replica] for replica in replicas]) for id, replicas in wanted.items()}

    async def start_one(self, plugin: PluginHandle) -> None:
        """Start one of them, or those of its replicas that are down; nothing happens if it runs, or is on its way.

        Raises:
            PluginStartError: the first start of its replicas failed, or the gateway stops.
        """
        await self._begin([plugin])
        down = [replica for replica in plugin.replicas if replica.state in (*DOWN, PluginState.QUEUED)]
        problems = await self._start_all(down)
        if plugin.state is not PluginState.RUNNING and (problem := _problem(list(problems.values()))) is not None:
            raise problem

    async def restart(self, plugin: PluginHandle) -> None:
        """Start one of them anew, one replica after the other; nothing happens if it is stopped.

        Raises:
            PluginStartError: a replica did not come up again; those that had not had their turn were left alone.
        """
        async with self._restarts[plugin.id]:
            if plugin.state is not PluginState.STOPPED and not self._stopping:
                await plugin.restart(self._start_queued)

    async def replace(self, successor: PluginHandle) -> asyncio.Task[None]:
        """Have another version of a plugin in the place of the one that is there, once all of it runs.

        Until then that one serves as before. Afterwards nothing begins there, and what is open goes on until it has
        drained, for which nobody waits. Of a plugin that has to be alone it is stopped first.

        Args:
            successor: not started yet; its generation is another one than that of the plugin with its id.

        Returns:
            What is done once nothing is left of the version before; it never fails.

        Raises:
            LookupError: there is no plugin with its id.
            PluginStartError: it did not come up, the plugin was stopped meanwhile, or the gateway stops. Nothing has
                changed, but that one that has to be alone is stopped.
        """
        async with self._restarts[successor.id]:
            before = self._plugins[successor.id]
            if successor.id in self._alone:
                await before.stop()
            resting = before.state is PluginState.STOPPED
            await self._bring_up(successor, alone=successor.id in self._alone)
            if not resting and before.state in (PluginState.STOPPING, PluginState.STOPPED):
                await self._end(successor)
                raise PluginStartError(successor.id, "it was stopped meanwhile")
            self._plugins[successor.id] = successor
            if self._versions is not None:
                self._versions.hand_over(successor.id)
            return self._leave(before)

    async def stop(self) -> None:
        """Stop all of them at once, also those that are still starting, and then the reaper."""
        self._stopping = True
        plugins = [*self, *self._coming]
        try:
            results = await asyncio.gather(*(plugin.stop() for plugin in plugins), return_exceptions=True)
            for plugin, error in zip(plugins, results, strict=True):
                if isinstance(error, Exception):
                    log.error("plugin could not be stopped", plugin=plugin.id, exc_info=error)
            await asyncio.gather(*self._leaving)
        finally:
            if self._reaper is not None:
                await self._reaper.stop()

    async def _bring_up(self, successor: PluginHandle, *, alone: bool) -> None:
        """Start all of it; it is gone again if that fails, or is not wanted any more."""
        self._coming.add(successor)
        for replica in successor.replicas:
            replica.on_trial = True
        try:
            problems = await self._start_all(successor.replicas)
            for problem in problems.values():
                if problem is not None:
                    problem.stopped_before = alone
                    raise problem
            await asyncio.gather(*(replica.settled() for replica in successor.replicas))
        except BaseException:
            await asyncio.shield(self._end(successor))
            raise
        finally:
            self._coming.discard(successor)

    def _leave(self, before: PluginHandle) -> asyncio.Task[None]:
        before.retire()
        leaving = asyncio.create_task(self._end(before), name=f"replaced {before.id}")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        return leaving

    async def _end(self, plugin: PluginHandle) -> None:
        try:
            await plugin.stop()
        except Exception:  # nobody waits for it
            log.exception("plugin could not be stopped", plugin=plugin.id)
        self._forget(plugin)

    def _forget(self, plugin: PluginHandle) -> None:
        if self._observers is not None:
            for replica in plugin.replicas:
                self._observers.forget_replica(replica)

    async def _begin(self, plugins: Iterable[PluginHandle]) -> None:
        if not self._stopping:
            await asyncio.gather(*(plugin.begin() for plugin in plugins))

    async def _start_all(self, replicas: Sequence[Replica]) -> Mapping[Replica, PluginStartError | None]:
        """Queue these, and start each in its turn; for each None, or why its first start failed."""
        for replica in replicas if not self._stopping else ():
            if replica.state in DOWN:
                replica.queue()
        problems = await asyncio.gather(*(self._try_start(replica) for replica in replicas))
        return dict(zip(replicas, problems, strict=True))

    async def _try_start(self, replica: Replica) -> PluginStartError | None:
        try:
            await self._start_queued(replica)
        except PluginStartError as error:
            return error
        return None

    async def _start_queued(self, replica: Replica) -> None:
        """Start a replica in its turn, unless somebody has started it before, or does not want it any more."""
        queued = replica.state is PluginState.QUEUED
        async with self._starts:
            if self._stopping:
                raise PluginStartError(replica.id, "the gateway stops")
            if replica.state is PluginState.QUEUED or not queued:
                await replica.start()


def _problem(problems: Sequence[PluginStartError | None]) -> PluginStartError | None:
    """Why a plugin did not start, of whose replicas none came up."""
    return None if None in problems else problems[0] if problems else None
