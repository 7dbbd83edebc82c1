"""What clients see of posts: as plugins let them be seen, with the files and reactions that belong to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from mattermost_plugin.models import FileInfo, Post, PostAcknowledgement, PostList, PostMetadata, PostPriority, Reaction
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.store.rows import many
from servehttp.workspace.store.tables.files import files
from servehttp.workspace.store.tables.posts import post_acknowledgements, post_priorities, reactions


class PostViews(Domain):
    """Posts on their way to people's clients. Plugins get posts as they are stored.

    Plugins are asked (MessagesWillBeConsumed), so these must not be called in an open transaction.
    """

    async def of(self, posts: Sequence[Post]) -> list[Post]:
        """The posts as clients see them, without those that plugins hide."""
        shown = await self.hooks.messages_will_be_consumed(list(posts)) if posts else []
        return await self._with_metadata(shown)

    async def of_list(self, found: PostList) -> PostList:
        """The list as clients see it, without the posts that plugins hide."""
        shown = {post.id: post for post in await self.of(list(found.posts.values()))}
        return replace(found, order=[id for id in found.order if id in shown], posts=shown)

    async def _with_metadata(self, posts: list[Post]) -> list[Post]:
        ids = [post.id for post in posts]
        async with self.db.reading():
            attached, reacted = await self._files(ids), await self._reactions(ids)
            priorities, acknowledged = await self._priorities(ids), await self._acknowledgements(ids)
        return [
            replace(
                post,
                metadata=PostMetadata(
                    files=[attached[post.id][id] for id in post.file_ids if id in attached[post.id]],
                    reactions=reacted[post.id],
                    priority=priorities.get(post.id),
                    acknowledgements=acknowledged[post.id],
                ),
            )
            for post in posts
        ]

    async def _files(self, ids: list[str]) -> dict[str, dict[str, FileInfo]]:
        found: dict[str, dict[str, FileInfo]] = defaultdict(dict)
        async with self.db.reading() as tx:
            for info in await many(tx, FileInfo, select(files).where(files.c.post_id.in_(ids))):
                found[info.post_id][info.id] = info
        return found

    async def _reactions(self, ids: list[str]) -> dict[str, list[Reaction]]:
        found: dict[str, list[Reaction]] = defaultdict(list)
        query = select(reactions).where(reactions.c.post_id.in_(ids)).order_by(reactions.c.create_at)
        async with self.db.reading() as tx:
            for reaction in await many(tx, Reaction, query):
                found[reaction.post_id].append(reaction)
        return found

    async def _priorities(self, ids: list[str]) -> dict[str, PostPriority]:
        query = select(post_priorities).where(post_priorities.c.post_id.in_(ids))
        async with self.db.reading() as tx:
            return {
                row.post_id: PostPriority(row.priority, row.requested_ack, row.persistent)
                for row in await tx.execute(query)
            }

    async def _acknowledgements(self, ids: list[str]) -> dict[str, list[PostAcknowledgement]]:
        found: dict[str, list[PostAcknowledgement]] = defaultdict(list)
        query = select(post_acknowledgements).where(post_acknowledgements.c.post_id.in_(ids))
        async with self.db.reading() as tx:
            for item in await many(tx, PostAcknowledgement, query):
                found[item.post_id].append(item)
        return found
