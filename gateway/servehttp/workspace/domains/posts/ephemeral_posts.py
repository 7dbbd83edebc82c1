"""Posts that one user sees until the client is closed. They are events, and stored nowhere."""

from __future__ import annotations

from dataclasses import replace

from mattermost_plugin.models import Post, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.posts.post_rules import EPHEMERAL
from servehttp.workspace.ids import new_id


class EphemeralPosts(Domain):
    """Ephemeral posts. Who is not connected never sees them."""

    def send(self, user_id: str, post: Post) -> Post:
        """Show a post to one user; returns it as shown, with an id if it had none."""
        now = self.now()
        shown = replace(
            post, id=post.id or new_id(), type=EPHEMERAL, create_at=post.create_at or now, update_at=now, delete_at=0
        )
        self._tell(user_id, "ephemeral_message", shown)
        return shown

    def update(self, user_id: str, post: Post) -> Post:
        """Show another text in place of an ephemeral post's; returns it as shown."""
        shown = replace(post, type=EPHEMERAL, update_at=self.now(), create_at=post.create_at or self.now())
        self._tell(user_id, "post_edited", shown)
        return shown

    def delete(self, user_id: str, post_id: str) -> None:
        """Take an ephemeral post away."""
        now = self.now()
        gone = Post(id=post_id, user_id=user_id, type=EPHEMERAL, update_at=now, delete_at=now)
        self._tell(user_id, "post_deleted", gone)

    def _tell(self, user_id: str, name: str, post: Post) -> None:
        self.publish(name, {"post": post}, WebsocketBroadcast(user_id=user_id))
