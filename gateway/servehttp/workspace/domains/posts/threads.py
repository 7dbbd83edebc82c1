"""Threads: how many replies a first post has, and whose they are."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select

from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.store.rows import changed, insert, scalar
from servehttp.workspace.store.tables.channels import channels
from servehttp.workspace.store.tables.posts import posts
from servehttp.workspace.store.tables.posts import threads as table


class Threads(Domain):
    """What is known of the replies to first posts, without the deleted ones."""

    async def counts(self, root_ids: Collection[str]) -> dict[str, tuple[int, int]]:
        """By the id of a first post that has replies: how many, and the time of the latest."""
        query = select(table.c.post_id, table.c.reply_count, table.c.last_reply_at)
        async with self.db.reading() as tx:
            rows = await tx.execute(query.where(table.c.post_id.in_(root_ids)))
            return {row.post_id: (row.reply_count, row.last_reply_at) for row in rows}

    async def participants(self, root_id: str) -> list[str]:
        """The ids of those who replied, the latest last."""
        async with self.db.reading() as tx:
            return await scalar(tx, select(table.c.participants).where(table.c.post_id == root_id)) or []

    async def recount(self, root_id: str) -> int:
        """Bring what is known of a thread up to date; returns how many replies there are."""
        async with self.db.transaction() as tx:
            query = (
                select(posts.c.user_id, func.count().label("replies"), func.max(posts.c.create_at).label("last"))
                .where(posts.c.root_id == root_id, posts.c.delete_at == 0)
                .group_by(posts.c.user_id)
                .order_by(func.max(posts.c.create_at))
            )
            repliers = (await tx.execute(query)).all()
            await changed(tx, table.delete().where(table.c.post_id == root_id))
            if not repliers:
                return 0
            place = select(posts.c.channel_id, channels.c.team_id).join(channels, channels.c.id == posts.c.channel_id)
            where = (await tx.execute(place.where(posts.c.id == root_id))).one()
            row = {
                "post_id": root_id,
                "channel_id": where.channel_id,
                "team_id": where.team_id,
                "reply_count": sum(each.replies for each in repliers),
                "last_reply_at": repliers[-1].last,
                "participants": [each.user_id for each in repliers],
                "delete_at": 0,
            }
            await insert(tx, table, row)
            return int(row["reply_count"])
