"""Handing what happens in shared channels to the remotes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import and_, or_, select

from mattermost_plugin.models import Post, RemoteCluster, SyncMsgJson, User
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.sharing.shared_channels import Cursor
from servehttp.workspace.hooks import HookFailed
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import many
from servehttp.workspace.store.tables.posts import posts

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.users import Users
    from servehttp.workspace.domains.posts.files import Files
    from servehttp.workspace.domains.sharing.remotes import Remotes
    from servehttp.workspace.domains.sharing.shared_channels import SharedChannels

BATCH = 100
"""Posts that a remote is given at once."""

USER_FIELDS = (
    "id", "username", "nickname", "first_name", "last_name", "position", "roles", "locale", "timezone", "create_at",
    "update_at", "delete_at", "is_bot",
)  # fmt: skip
"""What a remote is told of a user."""

SYNC = "OnSharedChannelsSyncMsg"
ATTACHMENT = "OnSharedChannelsAttachmentSyncMsg"
PROFILE_IMAGE = "OnSharedChannelsProfileImageSyncMsg"

logger = structlog.get_logger("servehttp.shared_channels")


class ChannelSync(Domain):
    """Hands posts to plugins that are remotes: by `sync`, whoever calls it; nothing happens by itself."""

    files: Files
    remotes: Remotes
    shared_channels: SharedChannels
    users: Users

    async def sync(self, channel_id: str) -> None:
        """Give every remote of a channel what it does not have yet, and move its cursor as far as it got.

        Images of the posts' authors that are newer than the cursor, and the posts' files, go along. A remote whose
        hook fails gets the same again next time; one has no say over the others.

        Raises:
            AppFailure: 404, the channel is not shared.
        """
        await self.shared_channels.get(channel_id)
        for remote_id in await self.shared_channels.remotes_of(channel_id):
            remote = await self.remotes.get(remote_id)
            try:
                while await self._sync_batch(channel_id, remote):
                    pass
            except HookFailed:  # it is in the log
                continue

    async def _sync_batch(self, channel_id: str, remote: RemoteCluster) -> bool:
        """Give a remote some posts; returns whether there may be more."""
        if remote.plugin_id not in self.hooks.implementing(SYNC):
            return False
        cursor = await self.shared_channels.cursor(channel_id, remote.remote_id)
        batch = await self._posts_after(channel_id, cursor)
        if not batch:
            return False
        theirs = [post for post in batch if post.remote_id != remote.remote_id]
        reached = await self._give(channel_id, remote, theirs, cursor) if theirs else None
        last = _position(batch[-1])
        reached = last if reached is None else min(last, reached)
        if reached <= cursor:
            return False
        await self.shared_channels.set_cursor(channel_id, remote.remote_id, reached)
        return reached == last and len(batch) == BATCH

    async def _give(self, channel_id: str, remote: RemoteCluster, batch: list[Post], cursor: Cursor) -> Cursor | None:
        """Hand posts over; returns how far the remote says it got, None if it says nothing of it."""
        users = await self.users.by_ids(sorted({post.user_id for post in batch}))
        message = SyncMsgJson(json.dumps(_message(channel_id, batch, users)).encode())
        answer = await self.hooks.ask_one(remote.plugin_id, SYNC, sync_msg=message, remote_cluster=remote)
        if answer.HasField("error"):
            logger.warning("remote refused", plugin=remote.plugin_id, error=answer.error.message)
            return cursor
        await self._give_images(remote, [user for user in users if user.last_picture_update > cursor.update_at])
        await self._give_files(remote, batch)
        reached = answer.response.posts_last_update_at
        taken = [post for post in batch if post.update_at <= reached]
        if not reached:
            return None
        return _position(taken[-1]) if taken else cursor

    async def _give_images(self, remote: RemoteCluster, users: list[User]) -> None:
        if remote.plugin_id in self.hooks.implementing(PROFILE_IMAGE):
            for user in users:
                await self.hooks.ask_one(remote.plugin_id, PROFILE_IMAGE, user=user, remote_cluster=remote)

    async def _give_files(self, remote: RemoteCluster, batch: list[Post]) -> None:
        if remote.plugin_id not in self.hooks.implementing(ATTACHMENT):
            return
        for post in batch:
            for info in await self.files.of_post(post.id) if post.file_ids else []:
                told = {"file_info": info, "post": post, "remote_cluster": remote}
                await self.hooks.ask_one(remote.plugin_id, ATTACHMENT, self.request, **told)

    async def _posts_after(self, channel_id: str, cursor: Cursor) -> list[Post]:
        table = posts.c
        later = or_(
            table.update_at > cursor.update_at, and_(table.update_at == cursor.update_at, table.id > cursor.post_id)
        )
        here = and_(table.channel_id == channel_id, table.original_id == "")
        query = select(posts).where(here, later).order_by(table.update_at, table.id).limit(BATCH)
        async with self.db.reading() as tx:
            return await many(tx, Post, query)


def _position(post: Post) -> Cursor:
    return Cursor(post.update_at, post.id)


def _message(channel_id: str, batch: list[Post], users: list[User]) -> dict[str, Any]:
    """A batch of changes as Mattermost writes it."""
    return {
        "id": new_id(),
        "channel_id": channel_id,
        "users": {user.id: {name: getattr(user, name) for name in USER_FIELDS} for user in users},
        "posts": [asdict(post) for post in batch],
    }
