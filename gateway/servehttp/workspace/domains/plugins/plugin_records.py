"""What is remembered of plugins from one start of the host to the next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import select

from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.store.rows import changed, insert, scalar
from servehttp.workspace.store.tables.system import plugins as table


class PluginRecords(Domain):
    """Whether plugins are to run, and which were told that they are installed.

    Attributes:
        relay: takes the id of a plugin that is enabled or disabled, and which, for other gateways; None where there are
            none.
    """

    relay: Callable[[str, bool], None] | None = None

    async def disabled(self) -> frozenset[str]:
        """The plugins that are not to run. One of which nothing is remembered is."""
        async with self.db.reading() as tx:
            query = select(table.c.plugin_id).where(~table.c.enabled)
            return frozenset((await tx.execute(query)).scalars())

    async def set_enabled(self, plugin_id: str, enabled: bool) -> None:
        """Remember whether a plugin is to run."""
        async with self.db.transaction() as tx:
            update = table.update().where(table.c.plugin_id == plugin_id).values(enabled=enabled)
            if not await changed(tx, update):
                row = {"plugin_id": plugin_id, "enabled": enabled, "greeted": True, "installed_by": ""}
                await insert(tx, table, row)
            if self.relay is not None:
                self.db.after_commit(partial(self.relay, plugin_id, enabled))

    async def installed(self, plugin_id: str, user_id: str, *, enabled: bool) -> None:
        """Remember that a user, or nobody in particular, has installed a plugin."""
        async with self.db.transaction() as tx:
            await self.forget(plugin_id)
            row = {"plugin_id": plugin_id, "enabled": enabled, "greeted": False, "installed_by": user_id}
            await insert(tx, table, row)

    async def greet(self, plugin_id: str) -> str | None:
        """Who installed a plugin, when this is asked for the first time since; None otherwise."""
        waiting = (table.c.plugin_id == plugin_id) & ~table.c.greeted
        async with self.db.transaction() as tx:
            user_id: str | None = await scalar(tx, select(table.c.installed_by).where(waiting))
            await changed(tx, table.update().where(waiting).values(greeted=True))
        return user_id

    async def forget(self, plugin_id: str) -> None:
        """Remember nothing of it."""
        async with self.db.transaction() as tx:
            await changed(tx, table.delete().where(table.c.plugin_id == plugin_id))
