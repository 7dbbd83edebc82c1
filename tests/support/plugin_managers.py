"""A plugin manager in this process: plugins are entries of a dict, and bundles are their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from mattermost_plugin.models import Manifest, PluginStatus
from servehttp.plugins.printed import PrintedLines
from servehttp.workspace.domains.plugins.plugin_requests import PluginRequest, PluginResponse
from servehttp.workspace.domains.plugins.plugins import PluginSetting, UnknownPlugin
from servehttp.workspace.errors import exists, invalid

RUNNING, STOPPED = 2, 0


@dataclass
class Installed:
    """One plugin; it answers requests with what they said."""

    id: str
    settings: Sequence[PluginSetting] = ()
    running: bool = False
    requests: list[PluginRequest] = field(default_factory=list)
    printed: PrintedLines = field(default_factory=PrintedLines)
    log_level: str | None = None


class DictManager:
    """What a gateway's registry is to a workspace."""

    def __init__(self, *plugins: Installed) -> None:
        self.plugins = {plugin.id: plugin for plugin in plugins}

    def active(self) -> list[Manifest]:
        return [Manifest(id=plugin.id) for plugin in self.plugins.values() if plugin.running]

    def all(self) -> list[Manifest]:
        return [Manifest(id=plugin_id) for plugin_id in self.plugins]

    def status(self, plugin_id: str) -> PluginStatus:
        plugin = self._plugin(plugin_id)
        state = RUNNING if plugin.running else STOPPED
        return PluginStatus(plugin_id=plugin_id, plugin_path=f"/plugins/{plugin_id}", state=state)

    def settings(self, plugin_id: str) -> Sequence[PluginSetting]:
        return self._plugin(plugin_id).settings

    async def describe(self, plugin_id: str) -> Mapping[str, Any]:
        return {"id": plugin_id, "state": "running" if self._plugin(plugin_id).running else "stopped"}

    def printed(self, plugin_id: str) -> PrintedLines:
        return self._plugin(plugin_id).printed

    async def set_log_level(self, plugin_id: str, level: str | None) -> None:
        self._plugin(plugin_id).log_level = level

    async def enable(self, plugin_id: str) -> None:
        self._plugin(plugin_id).running = True

    async def disable(self, plugin_id: str) -> None:
        self._plugin(plugin_id).running = False

    async def restart(self, plugin_id: str) -> None:
        if not self._plugin(plugin_id).running:
            raise invalid("app.plugin.restart.app_error", "The plugin is stopped.")

    async def reset(self, plugin_id: str) -> None:
        await self.restart(plugin_id)

    async def remove(self, plugin_id: str) -> None:
        self._plugin(plugin_id)
        del self.plugins[plugin_id]

    async def install(self, bundle: IO[bytes], *, replace: bool) -> Manifest:
        plugin_id = bundle.read().decode("ascii", "replace")
        if plugin_id in self.plugins and not replace:
            raise exists("app.plugin.install_id.app_error", "The plugin is there already.")
        self.plugins[plugin_id] = Installed(plugin_id)
        return Manifest(id=plugin_id)

    async def send(self, plugin_id: str, request: PluginRequest) -> PluginResponse:
        plugin = self._plugin(plugin_id)
        if not plugin.running:
            raise UnknownPlugin(plugin_id)
        plugin.requests.append(request)
        return PluginResponse(201, {"X-Target": request.target}, request.body)

    def _plugin(self, plugin_id: str) -> Installed:
        try:
            return self.plugins[plugin_id]
        except KeyError:
            raise UnknownPlugin(plugin_id) from None
