"""The plugins themselves: which there are, whether they run, and requests from one to another.

What installs, starts and stops plugins is not part of a workspace: it is given to it, as a `PluginManager`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, Protocol

from mattermost_plugin.models import Manifest, PluginStatus
from servehttp.workspace.domains.base.domain import Domain, Resources
from servehttp.workspace.domains.plugins.plugin_requests import (
    BadPluginRequest,
    PluginRequest,
    PluginResponse,
    addressed,
    not_there,
    refusal,
)
from servehttp.workspace.errors import not_found, not_implemented

if TYPE_CHECKING:
    from servehttp.plugins.printed import PrintedLines
    from servehttp.settings.kinds import LogLevel
    from servehttp.workspace.domains.base.config import Config


@dataclass(frozen=True)
class PluginSetting:
    """A setting that a plugin's manifest describes.

    Attributes:
        key: its name.
        default: its value as long as none is stored; None for none.
        secret: whether it is masked where configurations are shown.
        type: what it is, as the manifest calls it, such as "bool" or "text"; empty where that says nothing.
        options: what its value may be, where it is one of several.
        display_name: what people call it; empty where the manifest does not say.
        help_text: what the manifest tells people of it.
    """

    key: str
    default: Any = None
    secret: bool = False
    type: str = ""
    options: Sequence[str] = ()
    display_name: str = ""
    help_text: str = ""


class UnknownPlugin(Exception):
    """There is no such plugin; or, where it has to run, it does not."""


class PluginManager(Protocol):
    """What installs, starts and stops plugins, and reaches them; `UnknownPlugin` for an id that it does not know."""

    def active(self) -> Sequence[Manifest]:
        """The manifests of the plugins that run."""
        ...

    def all(self) -> Sequence[Manifest]:
        """The manifests of all plugins, whether or not they run."""
        ...

    def status(self, plugin_id: str) -> PluginStatus:
        """Whether a plugin runs, and where it is."""
        ...

    def settings(self, plugin_id: str) -> Sequence[PluginSetting]:
        """The settings that its manifest describes."""
        ...

    async def describe(self, plugin_id: str) -> Mapping[str, Any]:
        """All that an operator wants to know of a plugin, as plain values."""
        ...

    def printed(self, plugin_id: str) -> PrintedLines:
        """What a plugin prints. Raises an AppFailure for one that was started elsewhere."""
        ...

    async def set_log_level(self, plugin_id: str, level: LogLevel | None) -> None:
        """Log from another level on what a plugin says; None for that of the settings."""
        ...

    async def enable(self, plugin_id: str) -> None:
        """Start a plugin; returns when it runs. Raises an AppFailure if it does not."""
        ...

    async def disable(self, plugin_id: str) -> None:
        """Stop a plugin; nothing happens if it does not run."""
        ...

    async def restart(self, plugin_id: str) -> None:
        """Start a plugin anew, where several of it run one after the other. Raises an AppFailure if it does not."""
        ...

    async def reset(self, plugin_id: str) -> None:
        """Start again what of a plugin was given up. Raises an AppFailure if it is stopped, or does not start."""
        ...

    async def remove(self, plugin_id: str) -> None:
        """Stop and delete a plugin."""
        ...

    async def install(self, bundle: IO[bytes], *, replace: bool) -> Manifest:
        """Unpack a bundle (.tar.gz). Raises an AppFailure if it is none, or the plugin is there already."""
        ...

    async def send(self, plugin_id: str, request: PluginRequest) -> PluginResponse:
        """Have a plugin that runs answer a request; one that does not is unknown."""
        ...


class Plugins(Domain):
    """The plugins. Without a manager there are none.

    Attributes:
        manager: what runs them; set by whoever does.
    """

    config: Config

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self.manager: PluginManager | None = None

    def all(self) -> list[Manifest]:
        """The manifests of all plugins, whether or not they run."""
        return list(self.manager.all()) if self.manager else []

    def active(self) -> list[Manifest]:
        """The manifests of the plugins that run."""
        return list(self.manager.active()) if self.manager else []

    def status(self, plugin_id: str) -> PluginStatus:
        """Whether a plugin runs.

        Raises:
            AppFailure: 404.
        """
        with self._managing(plugin_id) as manager:
            return manager.status(plugin_id)

    async def describe(self, plugin_id: str) -> Mapping[str, Any]:
        """All that an operator wants to know of a plugin: its state, why, its restarts, its processes.

        Raises:
            AppFailure: 404.
        """
        with self._managing(plugin_id) as manager:
            return await manager.describe(plugin_id)

    def printed(self, plugin_id: str) -> PrintedLines:
        """The last lines that a plugin has printed, and those that follow.

        Raises:
            AppFailure: 404; 400, it was not started by this gateway.
        """
        with self._managing(plugin_id) as manager:
            return manager.printed(plugin_id)

    async def set_log_level(self, plugin_id: str, level: LogLevel | None) -> None:
        """Log from another level on what a plugin says, until the gateway ends; None for that of the settings.

        Raises:
            AppFailure: 404.
        """
        with self._managing(plugin_id) as manager:
            await manager.set_log_level(plugin_id, level)

    def described(self, plugin_id: str) -> Sequence[PluginSetting]:
        """The settings that a plugin's manifest describes.

        Raises:
            AppFailure: 404.
        """
        with self._managing(plugin_id) as manager:
            return manager.settings(plugin_id)

    def is_secret(self, plugin_id: str, key: str) -> bool:
        """Whether a setting of a plugin is to be masked. Of a plugin that is not installed, all are."""
        described = self._described(plugin_id)
        if described is None:
            return True
        return any(setting.secret and setting.key.lower() == key.lower() for setting in described)

    async def configuration(self, plugin_id: str) -> dict[str, Any]:
        """A plugin's settings as stored, and the defaults of its manifest for the others.

        A stored key that differs from the manifest's only in case counts as that.
        """
        described = self._described(plugin_id) or ()
        spelling = {setting.key.lower(): setting.key for setting in described}
        stored = await self.config.plugin_settings(plugin_id)
        defaults = {setting.key: setting.default for setting in described if setting.default is not None}
        return defaults | {spelling.get(key.lower(), key): value for key, value in stored.items()}

    async def enable(self, plugin_id: str) -> None:
        """Start a plugin.

        Raises:
            AppFailure: 404; or why it does not start.
        """
        with self._managing(plugin_id) as manager:
            await manager.enable(plugin_id)
        self._tell()

    async def disable(self, plugin_id: str) -> None:
        """Stop a plugin.

        Raises:
            AppFailure: 404.
        """
        with self._managing(plugin_id) as manager:
            await manager.disable(plugin_id)
        self._tell()

    async def restart(self, plugin_id: str) -> None:
        """Start a plugin that is enabled anew, without a time in which none of it serves where several of it run.

        Raises:
            AppFailure: 404; 400, it is stopped; or why it does not start.
        """
        with self._managing(plugin_id) as manager:
            await manager.restart(plugin_id)
        self._tell()

    async def reset(self, plugin_id: str) -> None:
        """Start again a plugin, or replicas of it, that was given up; what runs of it is left alone.

        Raises:
            AppFailure: 404; 400, it is stopped; or why it does not start.
        """
        with self._managing(plugin_id) as manager:
            await manager.reset(plugin_id)
        self._tell()

    async def remove(self, plugin_id: str) -> None:
        """Stop and delete a plugin. Its settings and its keys and values stay.

        Raises:
            AppFailure: 404.
        """
        with self._managing(plugin_id) as manager:
            await manager.remove(plugin_id)
        self._tell()

    async def install(self, bundle: IO[bytes], *, replace: bool = False) -> Manifest:
        """Install a plugin from its bundle, a .tar.gz; it is not enabled by that. Returns its manifest.

        Raises:
            AppFailure: 400, it is no bundle, or the plugin is there already and `replace` is False.
        """
        if self.manager is None:
            raise not_implemented("InstallPlugin")
        manifest = await self.manager.install(bundle, replace=replace)
        self._tell()
        return manifest

    async def send(self, sender_id: str, url: str, request: PluginRequest) -> PluginResponse:
        """Send a request from one plugin to another, whose id is the first part of the URL's path.

        One that cannot be sent is answered with 400, or what else its fault is; 404 means that there is no such plugin,
        or that it does not run.

        Raises:
            AppFailure: the plugin gave no answer.
        """
        try:
            plugin_id, sent = addressed(sender_id, url, request)
            return await self.manager.send(plugin_id, sent) if self.manager else not_there()
        except BadPluginRequest as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))
        except UnknownPlugin:
            return not_there()

    def _described(self, plugin_id: str) -> Sequence[PluginSetting] | None:
        try:
            return self.manager.settings(plugin_id) if self.manager else None
        except UnknownPlugin:
            return None

    @contextmanager
    def _managing(self, plugin_id: str) -> Iterator[PluginManager]:
        try:
            if self.manager is None:
                raise UnknownPlugin(plugin_id)
            yield self.manager
        except UnknownPlugin:
            raise not_found("app.plugin.not_installed.app_error", "plugin", detail=f"id={plugin_id}") from None

    def _tell(self) -> None:
        self.publish("plugin_statuses_changed", {})
