"""The rows of posts: what is stored, counted and indexed with each, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from mattermost_plugin.models import Post
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.posts.post_rules import counts, hashtags, is_system, words
from servehttp.workspace.errors import not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, one, scalar, to_row
from servehttp.workspace.store.tables.posts import post_priorities, post_words, reactions
from servehttp.workspace.store.tables.posts import posts as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.places.unreads import Unreads
    from servehttp.workspace.domains.posts.files import Files
    from servehttp.workspace.domains.posts.threads import Threads

PENDING_WINDOW = 30_000
"""Milliseconds in which a post with the same author and `pending_post_id` is the same post."""
EDITABLE = ("message", "props", "is_pinned", "file_ids")
"""What `change` takes of a post."""
ONE_MOMENT = 1000
"""Milliseconds by which posts of one moment may be moved apart, so that each has a time of its own."""


class PostStore(Domain):
    """Posts as they are stored. No plugin is asked, and nobody but plugins is told; `posts` does that.

    These may be called in an open transaction.
    """

    files: Files
    threads: Threads
    unreads: Unreads

    async def find(self, query: Select[Any]) -> list[Post]:
        """The posts of a query of the table, with what is counted rather than stored."""
        async with self.db.reading() as tx:
            found = await many(tx, Post, query)
            threads = await self.threads.counts({post.root_id or post.id for post in found})
            reacted = await self._with_reactions([post.id for post in found])
        return [_counted(post, threads, post.id in reacted) for post in found]

    async def get(self, post_id: str, *, include_deleted: bool = False) -> Post:
        """One post.

        Raises:
            AppFailure: 404.
        """
        query = select(table).where(table.c.id == post_id)
        found = await self.find(query if include_deleted else query.where(table.c.delete_at == 0))
        if not found:
            raise not_found("app.post.get.app_error", "post", where="GetSinglePost")
        return found[0]

    async def sent_before(self, post: Post) -> Post | None:
        """The post with the same author and `pending_post_id`, if there was one within 30 seconds."""
        if not post.pending_post_id:
            return None
        same = (table.c.pending_post_id == post.pending_post_id) & (table.c.user_id == post.user_id)
        recent = (table.c.delete_at == 0) & (table.c.create_at > self.now() - PENDING_WINDOW)
        async with self.db.reading() as tx:
            return await one(tx, Post, select(table).where(same, recent))

    async def add(self, post: Post, mentioned: Sequence[str] = ()) -> tuple[Post, bool]:
        """Store a new post; returns what is stored, and whether it is new rather than sent before.

        Args:
            post: with an id.
            mentioned: the ids of those members of the channel whom it mentions.
        """
        async with self.db.transaction() as tx:
            sent = await self.sent_before(post)
            if sent is not None:
                return sent, False
            at = post.create_at or await self._moment(post.channel_id)
            made = replace(post, hashtags=hashtags(post.message), create_at=at, update_at=at)
            made = replace(made, file_ids=await self.files.attach(made, made.file_ids))
            await insert(tx, table, to_row(made, table, deleted_by=""))
            await self._index(made)
            await self._prioritise(made)
            await self._count(made, mentioned)
            if made.root_id:
                await self.touch(made.root_id)
                made = replace(made, reply_count=await self.threads.recount(made.root_id))
            self.notify("MessageHasBeenPosted", post=made)
        return made, True

    async def change(self, post: Post) -> Post:
        """Store what was changed of a post, and keep the earlier version if it was edited; returns what is stored.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction() as tx:
            old = await self.get(post.id)
            now = self.now()
            given: dict[str, Any] = {name: getattr(post, name) for name in EDITABLE}
            new = replace(old, **given, hashtags=hashtags(post.message), update_at=now)
            if (new.message, new.file_ids) != (old.message, old.file_ids):
                new = replace(new, edit_at=now, file_ids=await self._change_files(old, new))
                await self._keep_version(old)
                await self._index(new)
            values = {name: getattr(new, name) for name in (*EDITABLE, "hashtags", "update_at", "edit_at")}
            await changed(tx, table.update().where(table.c.id == new.id).values(values))
            self.notify("MessageHasBeenUpdated", new_post=new, old_post=old)
        return new

    async def remove(self, post: Post, deleted_by: str) -> Post:
        """Delete a post, with its replies if it is the first of a thread; returns it as deleted."""
        now = self.now()
        gone = (table.c.id == post.id) | ((table.c.root_id == post.id) & (table.c.delete_at == 0))
        async with self.db.transaction() as tx:
            ids = list((await tx.execute(select(table.c.id).where(gone))).scalars())
            row = {"delete_at": now, "update_at": now, "deleted_by": deleted_by}
            await changed(tx, table.update().where(table.c.id.in_(ids)).values(row))
            await changed(tx, post_words.delete().where(post_words.c.post_id.in_(ids)))
            await self.files.delete_of_posts(ids)
            await self.threads.recount(post.root_id or post.id)
            deleted = replace(post, delete_at=now, update_at=now)
            self.notify("MessageHasBeenDeleted", post=deleted)
        return deleted

    async def touch(self, post_id: str) -> None:
        """Have a post count as changed, because of something around it: a reply, a reaction."""
        async with self.db.transaction() as tx:
            await changed(tx, table.update().where(table.c.id == post_id).values(update_at=self.now()))

    async def _change_files(self, old: Post, new: Post) -> list[str]:
        added = [id for id in new.file_ids if id not in old.file_ids]
        await self.files.delete([id for id in old.file_ids if id not in new.file_ids])
        attached = await self.files.attach(new, added)
        return [id for id in new.file_ids if id in old.file_ids or id in attached]

    async def _keep_version(self, old: Post) -> None:
        now = self.now()
        version = replace(old, id=new_id(), original_id=old.id, delete_at=now, update_at=now)
        async with self.db.transaction() as tx:
            await insert(tx, table, to_row(version, table, deleted_by=""))

    async def _index(self, post: Post) -> None:
        found = [] if is_system(post) else words(post.message)
        rows = [{"word": word, "post_id": post.id} for word in found]
        async with self.db.transaction() as tx:
            await changed(tx, post_words.delete().where(post_words.c.post_id == post.id))
            if rows:
                await tx.execute(post_words.insert(), rows)

    async def _prioritise(self, post: Post) -> None:
        priority = post.metadata.priority if post.metadata else None
        if priority is None:
            return
        row = {
            "post_id": post.id,
            "priority": priority.priority or "",
            "requested_ack": bool(priority.requested_ack),
            "persistent": bool(priority.persistent_notifications),
        }
        async with self.db.transaction() as tx:
            await insert(tx, post_priorities, row)

    async def _count(self, post: Post, mentioned: Sequence[str]) -> None:
        if not counts(post):
            return
        priority = post.metadata.priority if post.metadata else None
        urgent = priority is not None and priority.priority == "urgent"
        await self.unreads.count_post(post, mentioned, urgent=urgent)

    async def _moment(self, channel_id: str) -> int:
        """Now, or just after the channel's latest post of now: the order of posts is that of their times."""
        now = self.now()
        recent = (table.c.channel_id == channel_id) & table.c.create_at.between(now, now + ONE_MOMENT)
        async with self.db.reading() as tx:
            latest = await scalar(tx, select(func.max(table.c.create_at)).where(recent))
        return now if latest is None else int(latest) + 1

    async def _with_reactions(self, post_ids: Sequence[str]) -> set[str]:
        query = select(reactions.c.post_id).where(reactions.c.post_id.in_(post_ids)).distinct()
        async with self.db.reading() as tx:
            return set((await tx.execute(query)).scalars())


def _counted(post: Post, threads: dict[str, tuple[int, int]], has_reactions: bool) -> Post:
    replies, last = threads.get(post.root_id or post.id, (0, 0))
    return replace(
        post,
        pending_post_id="",
        reply_count=replies,
        last_reply_at=0 if post.root_id else last,
        has_reactions=has_reactions,
    )
