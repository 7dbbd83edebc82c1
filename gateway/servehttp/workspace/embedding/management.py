"""Installing, enabling, disabling and removing plugins while the gateway runs: a workspace's `PluginManager`.

What starts or stops a plugin goes on to its end even if whoever asked for it does not wait: that may be the plugin.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, TypeVar

import structlog

from mattermost_plugin.models import Manifest, OnInstallEvent, PluginStatus
from servehttp.errors import BundleError, DependencyError, PluginStartError
from servehttp.plugins.bundles import BundleLimits
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.installed import InstalledPlugins
from servehttp.plugins.manifest import Manifest as PluginManifest
from servehttp.plugins.printed import PrintedLines
from servehttp.plugins.registry import Registry
from servehttp.plugins.states import PluginState
from servehttp.settings.kinds import LogLevel
from servehttp.settings.limits import LimitSettings
from servehttp.workspace.domains.base.domain import REQUEST
from servehttp.workspace.domains.plugins.plugin_requests import PluginRequest, PluginResponse
from servehttp.workspace.domains.plugins.plugins import PluginSetting, UnknownPlugin
from servehttp.workspace.embedding import relay
from servehttp.workspace.errors import AppFailure, exists, invalid
from servehttp.workspace.hooks import HookFailed
from servehttp.workspace.workspace import Workspace

T = TypeVar("T")

TEXTS = tuple(Manifest.__dataclass_fields__)
"""The fields that both kinds of manifest have."""

STATES: Mapping[PluginState, int] = {
    PluginState.STOPPED: 0,
    PluginState.QUEUED: 1,
    PluginState.STARTING: 1,
    PluginState.RUNNING: 2,
    PluginState.RESTARTING: 1,
    PluginState.DRAINING: 1,
    PluginState.STOPPING: 5,
}
"""As the contract numbers them; FAILED is two of its states."""
FAILED_TO_START, FAILED_TO_STAY = 3, 4

log = structlog.get_logger("servehttp.workspace")


class Management:
    """The plugins of a gateway, as its workspace manages them.

    Args:
        workspace: where it is remembered which are to run; it has the hooks.
        registry: the plugins.
        factory: makes those that are installed.
        manifests: of those in the registry that are started.
        installed: the folder of those that were installed.
        limits: what a request may take, be it a client's or a plugin's.
        bundles: what a bundle may hold.
    """

    def __init__(
        self,
        workspace: Workspace,
        registry: Registry,
        factory: PluginFactory,
        manifests: Iterable[PluginManifest],
        installed: InstalledPlugins,
        limits: LimitSettings,
        bundles: BundleLimits,
    ) -> None:
        self._ws = workspace
        self._registry = registry
        self._factory = factory
        self._manifests = {manifest.id: manifest for manifest in manifests}
        self._installed = installed
        self._limits = limits
        self._bundles = bundles
        self._work: set[asyncio.Task[Any]] = set()
        self._installing = asyncio.Lock()

    def active(self) -> Sequence[Manifest]:
        """The manifests of the plugins that run."""
        return [self._manifest(plugin.id) for plugin in self._registry if plugin.state is PluginState.RUNNING]

    def all(self) -> Sequence[Manifest]:
        """The manifests of all plugins."""
        return [self._manifest(plugin.id) for plugin in self._registry]

    def status(self, plugin_id: str) -> PluginStatus:
        """Whether a plugin runs, and where it is."""
        plugin = self._plugin(plugin_id)
        manifest = self._manifest(plugin_id)
        known = self._manifests.get(plugin_id)
        return PluginStatus(
            plugin_id=plugin_id,
            plugin_path=str(known.folder) if known else _targets(plugin),
            state=_state(plugin),
            name=manifest.name,
            description=manifest.description,
            version=manifest.version,
        )

    def settings(self, plugin_id: str) -> Sequence[PluginSetting]:
        """The settings that its manifest describes."""
        self._plugin(plugin_id)
        manifest = self._manifests.get(plugin_id)
        described = ((manifest and manifest.settings_schema) or {}).get("settings")
        return [_setting(setting) for setting in _list(described) if isinstance(setting, Mapping) and "key" in setting]

    async def enable(self, plugin_id: str) -> None:
        """Start a plugin, now and at later starts of the gateway; returns when it runs.

        Raises:
            AppFailure: 500, it does not start; it is tried again, as at the gateway's start.
        """
        plugin = self._plugin(plugin_id)
        await self._ws.plugin_records.set_enabled(plugin_id, True)
        await self._to_the_end(self._start(plugin))

    async def disable(self, plugin_id: str) -> None:
        """Stop a plugin, for later starts of the gateway as well."""
        plugin = self._plugin(plugin_id)
        await self._ws.plugin_records.set_enabled(plugin_id, False)
        await self._to_the_end(plugin.stop())

    async def restart(self, plugin_id: str) -> None:
        """Start a plugin anew, one replica after the other; returns when all have had their turn.

        Raises:
            AppFailure: 400, it is stopped; 500, it does not come up again, and replicas that had no turn serve on.
        """
        plugin = self._plugin(plugin_id)
        if plugin.state is PluginState.STOPPED:
            raise invalid("app.plugin.restart.app_error", "The plugin is stopped; enable it.", where="restartPlugin")
        await self._to_the_end(self._restart(plugin))

    async def reset(self, plugin_id: str) -> None:
        """Start again what of a plugin was given up, or rests after a failure; returns when it runs.

        Raises:
            AppFailure: 400, it is stopped; 500, it does not start.
        """
        plugin = self._plugin(plugin_id)
        if plugin.state is PluginState.STOPPED:
            raise invalid("app.plugin.reset.app_error", "The plugin is stopped; enable it.", where="resetPlugin")
        await self._to_the_end(self._start(plugin))

    async def describe(self, plugin_id: str) -> Mapping[str, Any]:
        """What an operator wants to know of a plugin: that of its status, its processes, and whether it is to run."""
        plugin, status = self._plugin(plugin_id), self.status(plugin_id)
        return {
            **plugin.describe(),
            "name": status.name,
            "version": status.version,
            "log_level": self._factory.levels.of(plugin_id),
            "path": status.plugin_path,
            "installed": self._was_installed(plugin_id),
            "enabled": plugin_id not in await self._ws.plugin_records.disabled(),
        }

    def printed(self, plugin_id: str) -> PrintedLines:
        """What a plugin prints.

        Raises:
            AppFailure: 400, it was not started by this gateway.
        """
        self._plugin(plugin_id)
        if plugin_id not in self._manifests:
            text = "The plugin was not started by this gateway: what it prints is where it was started."
            raise invalid("app.plugin.logs.app_error", text, where="getPluginLogs")
        return self._factory.printed.of(plugin_id)

    async def set_log_level(self, plugin_id: str, level: LogLevel | None) -> None:
        """Log from another level on what a plugin says; None for that of the settings."""
        plugin, levels = self._plugin(plugin_id), self._factory.levels
        levels.change(plugin_id, level)
        links = [replica.link for replica in plugin.replicas if replica.link is not None]
        await asyncio.gather(*[levels.tell(plugin_id, link) for link in links])

    async def remove(self, plugin_id: str) -> None:
        """Stop and delete a plugin.

        Raises:
            AppFailure: 400, it is not one that was installed.
        """
        self._plugin(plugin_id)
        if not self._was_installed(plugin_id):
            raise invalid("app.plugin.remove.app_error", "The plugin was not installed here, but named at the start.")
        await self._to_the_end(self._remove(plugin_id))

    async def install(self, bundle: IO[bytes], *, replace: bool) -> Manifest:
        """Unpack a bundle. What it replaces serves until the new version runs; anything else waits to be enabled.

        Raises:
            AppFailure: 400, it is no bundle, or its id is taken; 500, it does not start, and what it was to replace
                serves on.
        """
        user_id = await self._who_asks()
        return await self._to_the_end(self._install(bundle, replace, user_id))

    def follow(self, plugin_id: str, *, enabled: bool) -> None:
        """Another gateway has enabled a plugin, or disabled it: start it, or stop it, if it is here."""
        plugin = self._registry.get(plugin_id)
        if plugin is not None:
            self._begin(self._follow(plugin, enabled))

    def note(self, manifest: PluginManifest) -> None:
        """Another version of a plugin is there, with this manifest."""
        self._manifests[manifest.id] = manifest

    async def send(self, plugin_id: str, request: PluginRequest) -> PluginResponse:
        """Have a plugin that runs answer a request."""
        link = self._plugin(plugin_id).link
        if link is None or not link.serves_http:
            raise UnknownPlugin(plugin_id)
        if (refused := relay.refuse_size(request, self._limits)) is not None:
            return refused
        settings = self._ws.settings
        limit = int(settings.api_message_size)
        return await relay.send(link, plugin_id, request, timeout=settings.plugin_http_timeout, limit=limit)

    async def close(self) -> None:
        """Wait for what was begun."""
        await asyncio.gather(*self._work, return_exceptions=True)

    # The plugins

    def _plugin(self, plugin_id: str) -> PluginHandle:
        plugin = self._registry.get(plugin_id)
        if plugin is None:
            raise UnknownPlugin(plugin_id)
        return plugin

    def _manifest(self, plugin_id: str) -> Manifest:
        manifest = self._manifests.get(plugin_id)
        if manifest is None:  # it is attached
            return Manifest(id=plugin_id)
        return Manifest(**{name: getattr(manifest, name) for name in TEXTS})

    def _was_installed(self, plugin_id: str) -> bool:
        manifest = self._manifests.get(plugin_id)
        return manifest is not None and self._installed.has(manifest)

    # What goes on to its end

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.shield(self._begin(work))

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _start(self, plugin: PluginHandle) -> None:
        with _starting():
            await self._registry.start_one(plugin)
        await self._greet(plugin.id)

    async def _follow(self, plugin: PluginHandle, enabled: bool) -> None:
        try:
            await (self._registry.start_one(plugin) if enabled else plugin.stop())
        except PluginStartError as error:
            log.warning("a plugin that another gateway has enabled does not start", plugin=plugin.id, reason=str(error))

    async def _restart(self, plugin: PluginHandle) -> None:
        with _starting():
            await self._registry.restart(plugin)

    async def _greet(self, plugin_id: str) -> None:
        user_id = await self._ws.plugin_records.greet(plugin_id)
        if user_id is None or plugin_id not in self._ws.hooks.implementing("OnInstall"):
            return
        try:
            event = OnInstallEvent(user_id=user_id)
            answer = await self._ws.hooks.ask_one(plugin_id, "OnInstall", REQUEST.get(), event=event)
        except HookFailed:
            return  # that is in the log
        if answer.HasField("error"):
            log.error("OnInstall failed", plugin=plugin_id, error=answer.error.message)

    async def _remove(self, plugin_id: str) -> None:
        async with self._installing:
            await self._plugin(plugin_id).stop()
            self._registry.remove(plugin_id)
            del self._manifests[plugin_id]
            self._factory.printed.forget(plugin_id)
            await self._ws.plugin_records.forget(plugin_id)
            await asyncio.to_thread(self._installed.remove, plugin_id)
            await self._tidy()

    async def _install(self, bundle: IO[bytes], replace: bool, user_id: str) -> Manifest:
        async with self._installing:
            unpacked = await self._unpack(bundle)
            try:
                self._check_free(unpacked.id, replace)
                await self._prepare(unpacked)
                await self._take(unpacked, user_id)
            finally:
                await asyncio.to_thread(self._installed.discard, unpacked)
        return self._manifest(unpacked.id)

    async def _unpack(self, bundle: IO[bytes]) -> PluginManifest:
        try:
            return await asyncio.to_thread(self._installed.unpack, bundle, self._bundles)
        except BundleError as error:
            text = f"The bundle cannot be used: {error}."
            raise invalid("app.plugin.extract.app_error", text, where="installPlugin") from None

    async def _prepare(self, unpacked: PluginManifest) -> None:
        """Install what it needs."""
        try:
            await self._factory.environments.prepare(unpacked.folder)
        except (BundleError, DependencyError) as error:
            text = f"The plugin cannot be installed: {error}."
            raise invalid("app.plugin.dependencies.app_error", text, where="installPlugin") from None

    def _check_free(self, plugin_id: str, replace: bool) -> None:
        if not self._registry.get(plugin_id):
            return
        if not self._was_installed(plugin_id):
            text = "There is a plugin with this id, which was not installed here, but named at the start."
        elif not replace:
            text = "There is a plugin with this id: replace it with `force`, or --force on the command line."
        else:
            return
        raise exists("app.plugin.install_id.app_error", text, where="installPlugin")

    async def _take(self, unpacked: PluginManifest, user_id: str) -> None:
        plugin_id, before = unpacked.id, self._registry.get(unpacked.id)
        enabled = before is not None and plugin_id not in await self._ws.plugin_records.disabled()
        if before is not None and before.state is PluginState.RUNNING:
            manifest = await asyncio.to_thread(self._installed.place, unpacked)
            await self._replace(manifest, before.generation + 1, user_id)
        else:
            # Remembered first: what lies in the folder and is not known would be enabled.
            await self._ws.plugin_records.installed(plugin_id, user_id, enabled=enabled)
            await self._put(await asyncio.to_thread(self._installed.place, unpacked), before)
            if enabled:
                with contextlib.suppress(AppFailure):  # it is installed, and its status says why it does not run
                    await self._start(self._plugin(plugin_id))

    async def _replace(self, manifest: PluginManifest, generation: int, user_id: str) -> None:
        """Have another version of a plugin that runs; where it does not come up, nothing has changed."""
        before = self._manifests[manifest.id]
        try:
            leaving = await self._registry.replace(self._factory.started(manifest, generation))
        except PluginStartError as error:
            await asyncio.to_thread(self._installed.discard, manifest)
            text = "The new version did not start. The one before serves on."
            raise AppFailure("app.plugin.activate.app_error", text, 500, detail=error.reason) from None
        self.note(manifest)
        self._begin(self._clear(leaving, before))
        enabled = manifest.id not in await self._ws.plugin_records.disabled()
        await self._ws.plugin_records.installed(manifest.id, user_id, enabled=enabled)
        await self._greet(manifest.id)

    async def _put(self, manifest: PluginManifest, before: PluginHandle | None) -> None:
        """Have a plugin in the place of one that does not run, if there is one; it is not started by that."""
        replaced = self._manifests.get(manifest.id)
        if before is not None:
            await before.stop()
        if replaced is not None:
            await asyncio.to_thread(self._installed.discard, replaced)
        self.note(manifest)
        self._registry.add(self._factory.started(manifest))

    async def _clear(self, leaving: asyncio.Task[None], before: PluginManifest) -> None:
        await leaving
        async with self._installing:  # so that nothing is tidied away that is being installed
            await asyncio.to_thread(self._installed.discard, before)
            await self._tidy()

    async def _tidy(self) -> None:
        """Delete environments that no installed plugin needs."""
        folders = await asyncio.to_thread(self._installed.folders)
        await asyncio.to_thread(self._factory.environments.keep, folders)

    async def _who_asks(self) -> str:
        session_id = REQUEST.get().session_id
        if not session_id:
            return ""
        return (await self._ws.sessions.get(session_id)).user_id


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    try:
        yield
    except PluginStartError as error:
        text = "The plugin did not start."
        raise AppFailure("app.plugin.activate.app_error", text, 500, detail=error.reason) from None


def _setting(described: Mapping[str, Any]) -> PluginSetting:
    values = [option.get("value") for option in _list(described.get("options")) if isinstance(option, Mapping)]
    return PluginSetting(
        key=str(described["key"]),
        default=described.get("default"),
        secret=bool(described.get("secret")),
        type=str(described.get("type") or ""),
        options=tuple(str(value) for value in values),
        display_name=str(described.get("display_name") or ""),
        help_text=str(described.get("help_text") or ""),
    )


def _list(value: object) -> list[Any]:
    """A list of a manifest's that nobody has checked; anything else counts as none."""
    return value if isinstance(value, list) else []


def _targets(plugin: PluginHandle) -> str:
    return ", ".join(replica.target for replica in plugin.replicas if replica.target is not None)


def _state(plugin: PluginHandle) -> int:
    if plugin.state is PluginState.FAILED:
        return FAILED_TO_START if plugin.started_in is None else FAILED_TO_STAY
    return STATES[plugin.state]
