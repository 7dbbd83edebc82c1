"""The configuration: one JSON object, in sections as Mattermost has them, plugins' settings included."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import select

from servehttp.workspace.domains.base.config_rules import IsSecret, check_settable, completed, masked, parsed, unmasked
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert
from servehttp.workspace.store.tables.system import configurations as table

Edit: TypeAlias = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Makes the next configuration, or the next settings of one plugin, of the present one."""


class Config(Domain):
    """The configuration. Every one that was saved is kept; one is active."""

    async def get(self) -> dict[str, Any]:
        """The whole configuration, secrets included."""
        return (await self._active())[1]

    async def sanitized(self, is_secret: IsSecret) -> dict[str, Any]:
        """The whole configuration with its secrets masked.

        Args:
            is_secret: whether a setting of a plugin is one, by the plugin's id and the setting's key.
        """
        return masked(await self.get(), is_secret)

    async def section(self, name: str) -> dict[str, Any]:
        """One section, such as "EmailSettings"; empty if there is none."""
        return dict((await self.get()).get(name) or {})

    async def save(self, config_json: bytes) -> dict[str, Any]:
        """Replace the configuration by JSON; returns what is saved, which plugins may have changed.

        What is left out is the default, and a masked secret is the present one. Plugins are told by
        OnConfigurationChange afterwards.

        Raises:
            AppFailure: 400, it or one of its sections is no JSON object, or a plugin refuses it.
        """
        asked = parsed(config_json)
        return await self.change(lambda present: unmasked(completed(asked), present))

    async def require(self, section: str, name: str, text: str) -> None:
        """Go on only if something is switched on.

        Raises:
            AppFailure: 501, with this text.
        """
        if not (await self.section(section))[name]:
            raise AppFailure(f"api.config.{name}.disabled.app_error", text, 501)

    async def plugin_settings(self, plugin_id: str) -> dict[str, Any]:
        """What is stored of a plugin's settings, by key."""
        return dict((await self.get())["PluginSettings"]["Plugins"].get(plugin_id) or {})

    async def save_plugin_settings(self, plugin_id: str, settings: Mapping[str, Any]) -> None:
        """Replace a plugin's settings, which is a change of the configuration like any other.

        Raises:
            AppFailure: 400, a plugin refuses it.
        """

        await self.change_plugin_settings(plugin_id, lambda _: settings)

    async def change_plugin_settings(self, plugin_id: str, edit: Edit) -> None:
        """Make a plugin's next settings of those that are stored: as `change`.

        Raises:
            AppFailure: 400, a plugin refuses it; or what `edit` raises.
        """

        def whole(present: dict[str, Any]) -> dict[str, Any]:
            section = present["PluginSettings"]
            plugins = section["Plugins"]
            edited = dict(edit(dict(plugins.get(plugin_id) or {})))
            return present | {"PluginSettings": section | {"Plugins": plugins | {plugin_id: edited}}}

        await self.change(whole)

    async def change(self, edit: Edit) -> dict[str, Any]:
        """Make the next configuration of the present one, and save it; returns what is saved.

        The plugins are asked outside of any transaction. If somebody else saved meanwhile, `edit` is asked again, so
        that no change is lost.

        Raises:
            AppFailure: 400, a plugin refuses it, or it sets what does not act here; or what `edit` raises.
        """
        while True:
            base, present = await self._active()
            wanted = json.dumps(edit(present)).encode()
            agreed = completed(parsed(await self.hooks.configuration_will_be_saved(wanted)))
            check_settable(present, agreed)
            if await self._store(base, agreed):
                return agreed

    async def _active(self) -> tuple[str, dict[str, Any]]:
        """The id of the active configuration, empty if none was saved yet, and the configuration."""
        async with self.db.reading() as tx:
            row = (await tx.execute(select(table).where(table.c.active))).first()
        return (row.id, completed(row.config)) if row else ("", completed({}))

    async def _store(self, base: str, config: dict[str, Any]) -> bool:
        async with self.db.transaction() as tx:
            if (await self._active())[0] != base:
                return False
            await changed(tx, table.update().where(table.c.active).values(active=False))
            row = {"id": new_id(), "create_at": self.now(), "active": True, "config": config}
            await insert(tx, table, row)
            self.notify("OnConfigurationChange")
            self.publish("config_changed", {})
        return True
