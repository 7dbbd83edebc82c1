"""The audit log: who did what, and what came of it."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from mattermost_plugin.models import AuditRecord
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import insert, many, paged, to_row
from servehttp.workspace.store.tables.system import audits as table

PLUGIN_LEVEL = "audit-cli"
"""Of records whose author names none; Mattermost's choice for plugins."""


class Audits(Domain):
    """Records, which are never changed."""

    async def log(self, record: AuditRecord, level: str = PLUGIN_LEVEL) -> AuditRecord:
        """Keep a record, whatever it says; returns it with its id, its time and its level."""
        made = replace(record, id=new_id(), create_at=self.now(), level=level or PLUGIN_LEVEL)
        async with self.db.transaction() as tx:
            await insert(tx, table, to_row(made, table))
        return made

    async def find(self, user_id: str = "", page: int = 0, per_page: int = 60) -> list[AuditRecord]:
        """A page of the records, or of those of a user, the latest first."""
        query = select(table).order_by(table.c.create_at.desc(), table.c.id)
        if user_id:
            query = query.where(table.c.user_id == user_id)
        async with self.db.reading() as tx:
            return await many(tx, AuditRecord, paged(query, page, per_page))
