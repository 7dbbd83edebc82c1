"""Plugins made of manifests and settings: how each is started, watched and connected to."""

from __future__ import annotations

import asyncio
import functools
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mattermost_plugin.message_sizes import DEFAULT_MESSAGE_SIZE
from mattermost_plugin.tunnel.settings import TunnelSettings
from servehttp.plugins.attached import Attachment, RemoteEndpoint, attach
from servehttp.plugins.attached_api import AttachedApi
from servehttp.plugins.backoff import RestartPolicy
from servehttp.plugins.dialing import GatewayTLS
from servehttp.plugins.environment import inherited, mattermost_variables, tracing_variables
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.host import PluginHost
from servehttp.plugins.installed import InstalledPlugins
from servehttp.plugins.interpreter import check_debugger, check_version, debugger_options, find_interpreter
from servehttp.plugins.link import Link
from servehttp.plugins.log_levels import LogLevels
from servehttp.plugins.manifest import Manifest, load_manifest
from servehttp.plugins.output import OutputLimits
from servehttp.plugins.patience import Crowd
from servehttp.plugins.printed import PrintedByPlugins
from servehttp.plugins.process import Command, PluginProcess, ProcessSpec
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.remote import Pace, RemotePlugin
from servehttp.plugins.replica_hooks import HookHost, ReplicaHooks
from servehttp.plugins.replicas import ReplicatedPlugin
from servehttp.plugins.resolving import finding
from servehttp.plugins.supervision import Connect, PluginObservers, SupervisionPolicy
from servehttp.plugins.supervisor import SupervisedPlugin
from servehttp.plugins.users import User
from servehttp.plugins.versions import Versions
from servehttp.plugins.virtual_environments import VirtualEnvironments
from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.plugins import PluginSettings
from servehttp.settings.remote import RemotePlugin as RemoteSettings

ATTACH_DELAY = 0.2
ATTACH_DELAY_MAX = 5.0
ATTACH_WINDOW = 60.0
"""Seconds; what is attached is expected to come and go, so it is looked for again soon, and for ever."""


@dataclass(eq=False)
class PluginFactory:
    """Makes plugins that have not started yet.

    Attributes:
        settings: how they are started, watched and stopped.
        tunnel: limits of the tunnels to them.
        reaper: ends their processes should the gateway be killed.
        observers: who else connects to them.
        host: gives each process its endpoint of the API, and fires the plugins' hooks.
        crowd: those of them that are on their way up.
        printed: the last lines of those that it starts.
        run: names this run of the gateway.
    """

    settings: GatewaySettings
    tunnel: TunnelSettings
    reaper: Reaper
    observers: PluginObservers | None = None
    host: PluginHost | None = None
    crowd: Crowd = field(default_factory=Crowd)
    printed: PrintedByPlugins = field(default_factory=PrintedByPlugins)
    run: str = field(default_factory=functools.partial(secrets.token_hex, 8))

    @functools.cached_property
    def levels(self) -> LogLevels:
        """From which level on is logged what plugins say."""
        return LogLevels(self.settings.log.level, self.settings.log.levels)

    @functools.cached_property
    def versions(self) -> Versions | None:
        """Which of a plugin's versions the host fires hooks in."""
        return Versions(self.host) if self.host is not None else None

    @functools.cached_property
    def environments(self) -> VirtualEnvironments:
        """What installed plugins need."""
        plugins = self.settings.plugins
        return VirtualEnvironments(self.settings.data_dir, plugins.install_dependencies, plugins.install_timeout)

    def change(self, settings: GatewaySettings, plugins: Iterable[PluginHandle]) -> None:
        """Go by other settings for what starts from now on, and by their times for these plugins."""
        self.settings = settings
        self.levels.use(settings.log.level)
        for plugin in plugins:
            policy = supervision_policy(settings.plugins, plugin.id)
            for replica in plugin.replicas:
                if isinstance(replica, SupervisedPlugin):
                    replica.change(policy)

    def started(self, manifest: Manifest, generation: int = 0) -> PluginHandle:
        """A plugin in a process of its own, or in several.

        Args:
            manifest: the plugin's.
            generation: how many versions of it there were before.
        """
        policy = supervision_policy(self.settings.plugins, manifest.id)

        def process(number: int | None, host: HookHost | None) -> SupervisedPlugin:
            launch = functools.partial(PluginProcess.launch, self.spec(manifest, number), self.reaper)
            connect, observers, crowd = self._connect(manifest.id), self.observers, self.crowd
            plugin = SupervisedPlugin(manifest.id, launch, connect, policy, observers, host, crowd, number, generation)
            plugin.folder = manifest.folder
            return plugin

        count = self.settings.plugins.replicas.get(manifest.id, manifest.replicas)
        return self._made_of(manifest.id, count, process, generation)

    def attached(self, plugin_id: str, targets: Sequence[str]) -> PluginHandle:
        """A plugin that runs already, in one place or in several."""
        policy = self._endless(plugin_id)

        def place(number: int | None, host: HookHost | None) -> SupervisedPlugin:
            target, connect = targets[(number or 1) - 1], self._connect(plugin_id)
            make_api = self._attached_api(plugin_id, target, number)
            return attach(plugin_id, target, connect, policy, self.observers, host, number, make_api=make_api)

        return self._made_of(plugin_id, len(targets), place)

    def remote(self, plugin_id: str, where: RemoteSettings) -> PluginHandle:
        """A plugin that others start, wherever it is."""
        plugins, policy = self.settings.plugins, self._endless(plugin_id)
        host = self.versions.begin(plugin_id) if self.versions is not None else None
        hooks = ReplicaHooks(plugin_id, host) if host is not None else None
        connect = self._connect(plugin_id)

        def endpoint(number: int, place: str) -> RemoteEndpoint:
            attachment = Attachment(where.at(place), connect, None)
            fires = hooks.of(number) if hooks is not None else None
            return RemoteEndpoint(plugin_id, place, attachment, policy, self.observers, fires, number, self.run)

        pace = Pace(plugins.dns_least_ttl, plugins.dns_most_ttl)
        return RemotePlugin(plugin_id, finding(where, plugins), endpoint, pace)

    def _endless(self, plugin_id: str) -> SupervisionPolicy:
        """The policy for what others start."""
        restart = RestartPolicy(ATTACH_DELAY, 2, ATTACH_DELAY_MAX, limit=None, window=ATTACH_WINDOW)
        return replace(supervision_policy(self.settings.plugins, plugin_id), restart=restart)

    def _attached_api(self, plugin_id: str, target: str, number: int | None) -> Callable[[], AttachedApi] | None:
        if self.host is None:
            return None
        open_endpoint = functools.partial(self.host.open_endpoint, plugin_id, number)
        return functools.partial(AttachedApi, plugin_id, target, open_endpoint, self.reaper)

    def _made_of(
        self,
        plugin_id: str,
        count: int,
        make: Callable[[int | None, HookHost | None], SupervisedPlugin],
        generation: int = 0,
    ) -> PluginHandle:
        """A plugin of so many replicas, each made by its number and by what fires its hooks."""
        host = self.versions.begin(plugin_id) if self.versions is not None else None
        if count == 1:
            return make(None, host)
        hooks = ReplicaHooks(plugin_id, host) if host is not None else None
        replicas = [make(number, hooks.of(number) if hooks else None) for number in range(1, count + 1)]
        return ReplicatedPlugin(plugin_id, replicas, generation)

    def _connect(self, plugin_id: str) -> Connect:
        plugins = self.settings.plugins
        tls = GatewayTLS.of(plugins, plugin_id)
        connect = functools.partial(
            Link.connect, transport=plugins.transport, tunnel=self.tunnel, tls=tls, keepalive=plugins.keepalive
        )
        return functools.partial(_connect_and_tell, connect, self.levels, plugin_id)

    def spec(self, manifest: Manifest, number: int | None = None) -> ProcessSpec:
        """All that it takes to start a plugin's process.

        Args:
            manifest: the plugin's.
            number: of the plugin's replica; None for the only one.
        """
        plugins = self.settings.plugins
        passed = inherited(os.environ, plugins.env_allow)
        size = self.host.message_size if self.host else DEFAULT_MESSAGE_SIZE
        own = mattermost_variables(
            manifest.id,
            manifest.folder,
            self.settings,
            size,
            passed.get("PYTHONPATH", ""),
            number or 1,
            self.levels.of(manifest.id),
        )
        traced = tracing_variables(manifest.id, os.environ) if self.settings.tracing.enabled else {}
        environment = {**passed, **own, **traced}
        host, installed = self.host, InstalledPlugins.below(self.settings.data_dir)
        return ProcessSpec(
            plugin_id=manifest.id,
            find_command=functools.partial(
                find_command,
                manifest.folder,
                plugins.start_timeout,
                environment,
                self.environments if installed.has(manifest) else None,
                debug_port=plugins.debugpy.get(manifest.id),
            ),
            environment=environment,
            limits=OutputLimits(line_bytes=plugins.output_line_limit, tail_lines=plugins.stderr_tail_lines),
            open_endpoint=functools.partial(host.open_endpoint, manifest.id, number) if host else None,
            user=plugins.users.get(manifest.id),
            hand_over=functools.partial(installed.hand_over, manifest) if installed.has(manifest) else None,
            replica=number,
            folder=manifest.folder,
            printed=self.printed.of(manifest.id),
            level=functools.partial(self.levels.number_of, manifest.id),
        )


async def _connect_and_tell(connect: Connect, levels: LogLevels, plugin_id: str, target: str, **options: Any) -> Link:
    """Connect to a plugin, and have it log by its level."""
    link = await connect(target, **options)
    try:
        await levels.tell(plugin_id, link)
    except BaseException:
        await link.close()
        raise
    return link


async def find_command(
    folder: Path,
    timeout: float,
    environment: Mapping[str, str],
    environments: VirtualEnvironments | None,
    user: User | None,
    *,
    debug_port: int | None = None,
) -> Command:
    """What runs the plugin in a folder, looked for anew because it may have been changed since.

    Args:
        folder: the plugin's folder.
        timeout: seconds that its interpreter has to say its version.
        environment: the plugin's, and so that of its interpreter.
        environments: have what it needs, if it was installed.
        user: who runs it, and so its interpreter; None for our own user.
        debug_port: where a debugger connects to it; None for nowhere.

    Raises:
        ManifestError: the manifest or the script is not there any more, or no longer good.
        InterpreterError: no interpreter, not of the version that the manifest asks for, or without debugpy.
        DependencyError: what it needs is not installed.
        BundleError: what it needs cannot be read.
    """
    manifest = await asyncio.to_thread(load_manifest, folder)
    own = await asyncio.to_thread(environments.interpreter, folder) if environments is not None else None
    interpreter = find_interpreter(folder, own or sys.executable)
    if user is not None:
        environment = user.environment(environment)
    spec = manifest.server.python_version
    await check_version(interpreter, spec, timeout=timeout, user=user, environment=environment)
    options: tuple[str, ...] = ()
    if debug_port is not None:
        await check_debugger(interpreter, timeout=timeout, user=user, environment=environment)
        options = debugger_options(debug_port)
    return Command((str(interpreter), *options, *manifest.server.command()), folder)


def supervision_policy(settings: PluginSettings, plugin_id: str) -> SupervisionPolicy:
    """The policy that the settings ask for, for one plugin."""
    return SupervisionPolicy(
        start_timeout=settings.start_timeouts.get(plugin_id, settings.start_timeout),
        connect_timeout=settings.connect_timeout,
        hook_timeout=settings.hook_timeout,
        # Under a debugger it may stand still, which shall hold up no end.
        deactivate_timeout=settings.stop_timeout if plugin_id in settings.debugpy else settings.hook_timeout,
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
            good_service=settings.restart_good_service,
        ),
    )
