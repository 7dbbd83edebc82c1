"""Groups of properties: the namespaces of those who define them."""

from __future__ import annotations

from sqlalchemy import select

from mattermost_plugin.models import PropertyGroup
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import invalid, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import insert, one, to_row
from servehttp.workspace.store.tables.properties import property_groups as table

NAME_MAX = 64
"""Characters."""


class PropertyGroups(Domain):
    """Groups by name."""

    async def register(self, name: str) -> PropertyGroup:
        """The group of a name, made if there is none.

        Raises:
            AppFailure: 400, the name is empty or too long.
        """
        if not 0 < len(name) <= NAME_MAX:
            raise invalid("app.property_group.save.app_error", "This is no name of a group.", where="Register")
        async with self.db.transaction() as tx:
            known = await self._named(name)
            if known is not None:
                return known
            made = PropertyGroup(id=new_id(), name=name)
            await insert(tx, table, to_row(made, table))
        return made

    async def get(self, name: str) -> PropertyGroup:
        """One group.

        Raises:
            AppFailure: 404.
        """
        group = await self._named(name)
        if group is None:
            raise not_found("app.property_group.get.app_error", "group of properties", where="GetPropertyGroup")
        return group

    async def _named(self, name: str) -> PropertyGroup | None:
        async with self.db.reading() as tx:
            return await one(tx, PropertyGroup, select(table).where(table.c.name == name))
