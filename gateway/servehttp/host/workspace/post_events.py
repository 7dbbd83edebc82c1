"""The events by which clients hear of posts. In each, "post" is the post as clients see it; "mentions" are user ids."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mattermost_plugin.models import Post, WebsocketBroadcast
from servehttp.host.workspace.domain import Domain


class PostEvents(Domain):
    """Events of posts. A post that plugins hide has none."""

    async def posted(self, post: Post) -> None:
        """Tell a channel of a new post."""
        await self._shown("posted", post, await self._place(post))

    async def edited(self, post: Post) -> None:
        """Tell a channel of another text, other props, files, or another pin."""
        await self._shown("post_edited", post, {})

    def deleted(self, post: Post, deleted_by: str) -> None:
        """Tell a channel that a post is gone, once that is committed."""
        broadcast = WebsocketBroadcast(channel_id=post.channel_id)
        self.publish("post_deleted", {"post": replace(post, message="", props={}), "delete_by": deleted_by}, broadcast)

    async def _shown(self, name: str, post: Post, data: dict[str, Any]) -> None:
        for shown in await self.ws.post_views.of([post]):
            kept = replace(shown, pending_post_id=post.pending_post_id)
            self.publish(name, data | {"post": kept}, WebsocketBroadcast(channel_id=post.channel_id))

    async def _place(self, post: Post) -> dict[str, Any]:
        async with self.db.reading():
            channel = await self.ws.channels.get(post.channel_id)
            author = await self.ws.users.get(post.user_id)
            mentioned = await self.ws.mentions.of(post)
        data = {
            "channel_display_name": channel.display_name,
            "channel_name": channel.name,
            "channel_type": channel.type,
            "sender_name": f"@{author.username}",
            "team_id": channel.team_id,
            "set_online": True,
        }
        return data | ({"mentions": mentioned} if mentioned else {})
