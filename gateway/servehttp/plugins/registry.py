"""All plugins of a gateway, by id: started side by side, stopped side by side."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import structlog

from mattermost_plugin.tunnel.settings import TunnelSettings
from servehttp.errors import PluginStartError
from servehttp.plugins.attached import attach
from servehttp.plugins.backoff import RestartPolicy
from servehttp.plugins.environment import inherited, mattermost_variables
from servehttp.plugins.interpreter import check_version, find_interpreter
from servehttp.plugins.link import Link
from servehttp.plugins.manifest import Manifest, load_manifest
from servehttp.plugins.output import OutputLimits
from servehttp.plugins.process import Command, PluginProcess, ProcessSpec
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.states import PluginState
from servehttp.plugins.supervisor import Connect, Followers, SupervisedPlugin, SupervisionPolicy
from servehttp.settings import PluginSettings, Settings

STARTS_AT_ONCE = (os.cpu_count() or 1) + 2
"""Starting an interpreter keeps a core busy, and more at once would only make all miss their time-outs; the two more
are for plugins that wait for something else."""
ATTACH_DELAY = 0.2
ATTACH_DELAY_MAX = 5.0
ATTACH_WINDOW = 60.0
"""Seconds; what is attached is expected to come and go, so it is looked for again soon, and for ever."""

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
        plugins: Each plugin, with an id of its own.
        reaper: Ends their processes should the gateway be killed; started and stopped with them. None where they are
            another process's.
    """

    def __init__(self, plugins: Iterable[PluginHandle], reaper: Reaper | None) -> None:
        self._plugins = {plugin.id: plugin for plugin in plugins}
        self._reaper = reaper
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)
        self._stopping = False

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        manifests: Iterable[Manifest],
        *,
        tunnel: TunnelSettings,
        reaper: Reaper | None = None,
        followers: Followers | None = None,
    ) -> Registry:
        """The plugins of these manifests, and those that the settings attach.

        Args:
            settings: How they are started, watched and stopped.
            manifests: Those that are started.
            tunnel: Limits of the tunnels to them.
            reaper: Ends their processes should the gateway be killed; one of their own by default.
            followers: Who else connects to them.
        """
        reaper = reaper or Reaper()
        connect = functools.partial(Link.connect, transport=settings.plugins.transport, tunnel=tunnel)
        started = [supervised(manifest, settings, connect, reaper, followers) for manifest in manifests]
        policy = replace(
            supervision_policy(settings.plugins),
            restart=RestartPolicy(ATTACH_DELAY, 2, ATTACH_DELAY_MAX, limit=None, window=ATTACH_WINDOW),
        )
        attached = [attach(id, target, connect, policy, followers) for id, target in settings.plugins.attach.items()]
        # An attached plugin stands in for a started one of the same id: that is what somebody with a debugger wants.
        ids = {plugin.id for plugin in attached}
        return cls([*(plugin for plugin in started if plugin.id not in ids), *attached], reaper)

    def get(self, plugin_id: str) -> PluginHandle | None:
        """The plugin with this id."""
        return self._plugins.get(plugin_id)

    def __iter__(self) -> Iterator[PluginHandle]:
        return iter(self._plugins.values())

    def __len__(self) -> int:
        return len(self._plugins)

    async def start(self) -> Mapping[str, PluginStartError | None]:
        """Start all of them, `STARTS_AT_ONCE` at a time; one that fails does not concern the others.

        After `stop`, also one that came first, nothing is started any more.

        Returns:
            For each id None, or why its first start failed.
        """
        if self._reaper is not None and not self._stopping:
            await self._reaper.start()
        results = await asyncio.gather(*(self._start(plugin) for plugin in self))
        return dict(zip(self._plugins, results, strict=True))

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

    async def _start(self, plugin: PluginHandle) -> PluginStartError | None:
        async with self._starts:
            if self._stopping:
                return PluginStartError(plugin.id, "the gateway stops")
            try:
                await plugin.start()
            except PluginStartError as error:
                return error
            return None


def supervised(
    manifest: Manifest, settings: Settings, connect: Connect, reaper: Reaper, followers: Followers | None = None
) -> SupervisedPlugin:
    """A plugin in a process of its own."""
    plugins = settings.plugins
    own = mattermost_variables(manifest.id, manifest.folder, plugins.hook_timeout, settings.log.level)
    spec = ProcessSpec(
        plugin_id=manifest.id,
        find_command=functools.partial(find_command, manifest.folder, plugins.start_timeout),
        environment={**inherited(os.environ, plugins.env_allow), **own},
        limits=OutputLimits(line_bytes=plugins.output_line_limit, tail_lines=plugins.stderr_tail_lines),
    )
    launch = functools.partial(PluginProcess.launch, spec, reaper)
    return SupervisedPlugin(manifest.id, launch, connect, supervision_policy(plugins), followers)


async def find_command(folder: Path, timeout: float) -> Command:
    """What runs the plugin in a folder, looked for anew because it may have been changed since.

    Raises:
        ManifestError: the manifest or the script is not there any more, or no longer good.
        InterpreterError: no interpreter, or not of the version that the manifest asks for.
    """
    manifest = await asyncio.to_thread(load_manifest, folder)
    interpreter = find_interpreter(folder)
    await check_version(interpreter, manifest.server.python_version, timeout=timeout)
    return Command((str(interpreter), manifest.server.script()[1]), folder)


def supervision_policy(settings: PluginSettings) -> SupervisionPolicy:
    """The policy that the settings ask for."""
    return SupervisionPolicy(
        start_timeout=settings.start_timeout,
        connect_timeout=settings.connect_timeout,
        hook_timeout=settings.hook_timeout,
        health_interval=settings.health_interval,
        health_timeout=settings.health_timeout,
        health_failures=settings.health_failures,
        drain_timeout=settings.drain_timeout,
        stop_timeout=settings.stop_timeout,
        restart=RestartPolicy(
            first_delay=settings.restart_delay,
            longest_delay=settings.restart_delay_max,
            limit=settings.restart_limit,
            window=settings.restart_window,
        ),
    )
