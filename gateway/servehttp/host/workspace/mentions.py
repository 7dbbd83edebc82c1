"""Whom a post mentions."""

from __future__ import annotations

import re

from sqlalchemy import select

from mattermost_plugin.models import Post, User
from servehttp.host.store.rows import many
from servehttp.host.store.tables.channels import channel_members
from servehttp.host.store.tables.users import users
from servehttp.host.workspace.domain import Domain
from servehttp.host.workspace.post_rules import is_system, without_code

EVERYBODY = frozenset({"all", "channel", "here"})

_NAME = re.compile(r"(?<![\w@])@([a-z0-9][a-z0-9._-]*)", re.ASCII)


class Mentions(Domain):
    """Mentions: by `@name` and by the words a user wants to hear of; in a direct channel each post is one."""

    async def of(self, post: Post) -> list[str]:
        """The ids of the members of a post's channel whom it mentions, in order; never its author."""
        if is_system(post):
            return []
        inside = select(channel_members.c.user_id).where(channel_members.c.channel_id == post.channel_id)
        others = (users.c.id != post.user_id) & (users.c.delete_at == 0)
        named = select(users.c.id, users.c.username, users.c.first_name, users.c.notify_props)
        async with self.db.reading() as tx:
            channel = await self.ws.channels.get(post.channel_id)
            members = await many(tx, User, named.where(users.c.id.in_(inside), others))
        if channel.type == "D":
            return sorted(user.id for user in members)
        text = without_code(post.message).lower()
        names = {name for found in _NAME.findall(text) for name in (found, found.rstrip(".-_"))}
        return sorted(user.id for user in members if _is_named(user, names) or _hears(user, text))


def _is_named(user: User, names: set[str]) -> bool:
    return user.username in names or (user.notify_props.get("channel") != "false" and not names.isdisjoint(EVERYBODY))


def _hears(user: User, text: str) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text) for key in _keys(user))


def _keys(user: User) -> list[str]:
    keys = user.notify_props.get("mention_keys", "").lower().split(",")
    first = [user.first_name.lower()] if user.notify_props.get("first_name") == "true" else []
    return [key.strip() for key in [*keys, *first] if key.strip()]
