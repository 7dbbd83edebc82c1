"""What the workspace knows of itself: when it was made, and under which id."""

from __future__ import annotations

from sqlalchemy import select

from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, scalar
from servehttp.workspace.store.tables.system import system as table

SERVER_VERSION = "10.11.0"
"""The Mattermost whose behaviour this workspace has; plugins compare it with what they need."""

INSTALLED = "InstallationDate"
DIAGNOSTIC_ID = "DiagnosticId"


class SystemProperties(Domain):
    """Properties of the system by name, each a text."""

    async def seed(self) -> None:
        """Note when the workspace was made, and give it an id, if that is not done yet."""
        async with self.db.transaction():
            if not await self.get(INSTALLED):
                await self.put(INSTALLED, str(self.now()))
                await self.put(DIAGNOSTIC_ID, new_id())

    async def get(self, name: str) -> str:
        """A property's value; empty if there is none."""
        async with self.db.reading() as tx:
            return await scalar(tx, select(table.c.value).where(table.c.name == name)) or ""

    async def put(self, name: str, value: str) -> None:
        """Set a property."""
        async with self.db.transaction() as tx:
            await changed(tx, table.delete().where(table.c.name == name))
            await insert(tx, table, {"name": name, "value": value})

    async def install_date(self) -> int:
        """When the workspace was made, in milliseconds since the epoch."""
        return int(await self.get(INSTALLED))

    async def diagnostic_id(self) -> str:
        """The id that the workspace goes by."""
        return await self.get(DIAGNOSTIC_ID)
