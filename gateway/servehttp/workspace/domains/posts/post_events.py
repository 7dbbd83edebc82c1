"""The events by which clients hear of posts. In each, "post" is the post as clients see it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mattermost_plugin.models import Post, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.users import Users
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.posts.post_views import PostViews


class PostEvents(Domain):
    """Events of posts. A post that plugins hide has none."""

    channels: Channels
    post_views: PostViews
    users: Users

    async def posted(self, post: Post, mentioned: Sequence[str]) -> None:
        """Tell a channel of a new post, and of the ids of those whom it mentions."""
        for shown in await self.post_views.of([post]):
            data = await self._place(post) | _attached(shown)
            data |= {"mentions": json.dumps(mentioned)} if mentioned else {}
            self._tell("posted", replace(shown, pending_post_id=post.pending_post_id), data)

    async def edited(self, post: Post) -> None:
        """Tell a channel of another text, other props, files, or another pin."""
        for shown in await self.post_views.of([post]):
            self._tell("post_edited", shown, {})

    def deleted(self, post: Post, deleted_by: str) -> None:
        """Tell a channel that a post is gone, once that is committed."""
        self._tell("post_deleted", replace(post, message="", props={}), {"delete_by": deleted_by})

    def _tell(self, name: str, post: Post, data: dict[str, Any]) -> None:
        self.publish(name, data | {"post": post}, WebsocketBroadcast(channel_id=post.channel_id))

    async def _place(self, post: Post) -> dict[str, Any]:
        """Where a post is, and whose."""
        async with self.db.reading():
            channel = await self.channels.get(post.channel_id)
            author = await self.users.get(post.user_id)
        return {
            "channel_display_name": channel.display_name,
            "channel_name": channel.name,
            "channel_type": channel.type,
            "sender_name": f"@{author.username}",
            "team_id": channel.team_id,
            "set_online": True,
        }


def _attached(post: Post) -> dict[str, str]:
    """What clients are told of files without looking into the post; the values are texts in Mattermost, too."""
    files = post.metadata.files if post.metadata else []
    has_image = any(info.mime_type.startswith("image/") for info in files)
    return ({"otherFile": "true"} if files else {}) | ({"image": "true"} if has_image else {})
