"""Posts: written, edited and deleted, with the plugins asked before and everybody told after."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from mattermost_plugin.models import Post
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.posts.post_rules import check_content, check_post, hashtags, is_system
from servehttp.workspace.errors import AppFailure, invalid, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.tables.posts import posts as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.users import Users
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.posts.mentions import Mentions
    from servehttp.workspace.domains.posts.post_events import PostEvents
    from servehttp.workspace.domains.posts.post_store import PostStore


class Posts(Domain):
    """Posts one by one; `post_lists` has those of a channel or a thread, `post_views` what clients see of them.

    `create` and `update` ask plugins, so they must not be called in an open transaction.
    """

    channels: Channels
    mentions: Mentions
    post_events: PostEvents
    post_store: PostStore
    users: Users

    async def create(self, post: Post) -> Post:
        """Store a new post and tell everybody; returns it.

        A post with the `pending_post_id` of one that its author sent within 30 seconds is that one.

        Raises:
            AppFailure: 404, there is no such channel or user; 400, a field is malformed, the thread is in another
                channel, or the channel is archived.
            Refused: 400, by a plugin.
        """
        check_post(post)
        sent = await self.post_store.sent_before(post)
        if sent is not None:
            return sent
        prepared = await self._prepared(post)
        vetted = await self.hooks.message_will_be_posted(self.request, prepared)
        check_post(vetted)
        await self._check_place(vetted)
        kept = replace(vetted, id=prepared.id, pending_post_id=prepared.pending_post_id, metadata=prepared.metadata)
        mentioned = await self.mentions.of(kept)
        made, is_new = await self.post_store.add(kept, mentioned)
        if is_new:
            await self.post_events.posted(made, mentioned)
        return made

    async def get(self, post_id: str, *, include_deleted: bool = False) -> Post:
        """One post.

        Raises:
            AppFailure: 404.
        """
        return await self.post_store.get(post_id, include_deleted=include_deleted)

    async def update(self, post: Post) -> Post:
        """Store another text, other files, props or another pin of a post; returns what is stored.

        Whatever else is given is ignored. Only another text or other files make it an edited post, of which the
        earlier version is kept.

        Raises:
            AppFailure: 404; 400, it is one of the server's, too long, or in an archived channel.
            Refused: 400, by a plugin.
        """
        old = await self.get(post.id)
        await self._check_editable(old)
        new = _changed(old, post)
        if new == old:
            return old
        check_content(new)
        vetted = _changed(old, await self.hooks.message_will_be_updated(self.request, new, old))
        check_content(vetted)
        stored = await self.post_store.change(vetted)
        await self.post_events.edited(stored)
        return stored

    async def delete(self, post_id: str, deleted_by: str = "") -> Post:
        """Delete a post, with its replies if it is the first of a thread; returns it.

        Raises:
            AppFailure: 404; 400, the channel is archived.
        """
        async with self.db.transaction():
            post = await self.get(post_id)
            if (await self.channels.get(post.channel_id)).delete_at:
                raise _archived("api.post.delete_post.can_not_delete_post_in_deleted.error", "DeletePost")
            deleted = await self.post_store.remove(post, deleted_by)
            self.post_events.deleted(deleted, deleted_by)
        return deleted

    async def set_pinned(self, post_id: str, pinned: bool) -> Post:
        """Pin a post to its channel, or take it off; returns it.

        Raises:
            AppFailure: 404; 400, as in `update`.
        """
        return await self.update(replace(await self.get(post_id), is_pinned=pinned))

    async def history(self, post_id: str) -> list[Post]:
        """The earlier versions of a post, the latest first.

        Raises:
            AppFailure: 404, there is no such post, or it was never edited.
        """
        query = select(table).where(table.c.original_id == post_id).order_by(table.c.update_at.desc())
        async with self.db.reading():
            await self.get(post_id)
            found = await self.post_store.find(query)
        if not found:
            raise not_found("app.post.get.app_error", "earlier version", where="GetEditHistoryForPost")
        return found

    async def _prepared(self, post: Post) -> Post:
        await self._check_place(post)
        author = await self.users.get(post.user_id)
        return Post(
            id=new_id(),
            channel_id=post.channel_id,
            user_id=post.user_id,
            message=post.message,
            create_at=post.create_at,
            is_pinned=post.is_pinned,
            root_id=post.root_id,
            type=post.type,
            props=post.props | {"from_bot": "true"} if author.is_bot else post.props,
            hashtags=hashtags(post.message),
            file_ids=list(dict.fromkeys(post.file_ids)),
            pending_post_id=post.pending_post_id,
            remote_id=post.remote_id,
            metadata=post.metadata,
        )

    async def _check_place(self, post: Post) -> None:
        async with self.db.reading():
            channel = await self.channels.get(post.channel_id)
            if channel.delete_at and not is_system(post):
                raise _archived("api.post.create_post.can_not_post_to_deleted.error", "CreatePost")
            if post.root_id:
                await self._check_root(post)

    async def _check_root(self, post: Post) -> None:
        try:
            root = await self.get(post.root_id)
        except AppFailure as missing:
            raise _no_thread("root_id") from missing
        if root.channel_id != post.channel_id:
            raise _no_thread("channel_root_id")
        if root.root_id:
            raise _no_thread("root_id")

    async def _check_editable(self, post: Post) -> None:
        if is_system(post):
            raise invalid(
                "api.post.update_post.system_message.app_error", "This is a post of the server's.", where="UpdatePost"
            )
        if (await self.channels.get(post.channel_id)).delete_at:
            raise _archived("api.post.update_post.can_not_update_post_in_deleted.error", "UpdatePost")


def _changed(old: Post, given: Post) -> Post:
    return replace(
        old,
        message=given.message,
        props=given.props,
        is_pinned=given.is_pinned,
        file_ids=list(dict.fromkeys(given.file_ids)),
        hashtags=hashtags(given.message),
    )


def _archived(id: str, where: str) -> AppFailure:
    return invalid(id, "The channel is archived.", where=where)


def _no_thread(field: str) -> AppFailure:
    return invalid(
        f"api.post.create_post.{field}.app_error", "There is no such thread in the channel.", where="CreatePost"
    )
