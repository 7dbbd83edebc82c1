"""Collections and topics: kinds of things that plugins have threads about."""

from __future__ import annotations

from sqlalchemy import select

from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import exists, invalid
from servehttp.workspace.store.rows import changed, insert
from servehttp.workspace.store.tables.system import collection_types as table


class CollectionTypes(Domain):
    """Which plugin answers for which kind of collection, and for which kind of topic in it."""

    async def register(self, plugin_id: str, collection_type: str, topic_type: str) -> None:
        """Let a plugin answer for a kind of topic in a kind of collection; again is no error.

        Raises:
            AppFailure: 400, a name is missing, or is another plugin's or another collection's.
        """
        if not collection_type or not topic_type:
            raise invalid("app.collection.register.app_error", "A collection and a topic are needed.")
        row = {"collection_type": collection_type, "topic_type": topic_type, "plugin_id": plugin_id}
        async with self.db.transaction() as tx:
            for known in await tx.execute(select(table)):
                _check_free(row, known._asdict())
            same = (table.c.collection_type == collection_type) & (table.c.topic_type == topic_type)
            await changed(tx, table.delete().where(same))
            await insert(tx, table, row)

    async def owner(self, topic_type: str) -> tuple[str, str] | None:
        """The plugin that answers for a kind of topic, and the kind of collection; None if nobody does."""
        query = select(table.c.plugin_id, table.c.collection_type).where(table.c.topic_type == topic_type)
        async with self.db.reading() as tx:
            row = (await tx.execute(query)).first()
        return None if row is None else (row.plugin_id, row.collection_type)


def _check_free(row: dict[str, str], known: dict[str, str]) -> None:
    foreign = known["plugin_id"] != row["plugin_id"]
    if known["collection_type"] == row["collection_type"] and foreign:
        raise exists("app.collection.add_collection.exists.app_error", "Another plugin has this collection.")
    elsewhere = foreign or known["collection_type"] != row["collection_type"]
    if known["topic_type"] == row["topic_type"] and elsewhere:
        raise exists("app.collection.add_topic.exists.app_error", "This topic is in another collection.")
