"""Whom a post mentions."""

from __future__ import annotations

import re

from sqlalchemy import select

from mattermost_plugin.models import Channel, Post, User
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
        async with self.db.reading() as tx:
            channel = await self.ws.channels.get(post.channel_id)
            inside = select(channel_members.c.user_id).where(channel_members.c.channel_id == channel.id)
            others = users.c.id != post.user_id
            members = await many(tx, User, select(users).where(users.c.id.in_(inside), others, users.c.delete_at == 0))
        return sorted(user.id for user in members if _concerns(post, channel, user))


def _concerns(post: Post, channel: Channel, user: User) -> bool:
    if channel.type == "D":
        return True
    text = without_code(post.message).lower()
    named = {name for found in _NAME.findall(text) for name in (found, found.rstrip(".-_"))}
    if user.username in named or (named & EVERYBODY and user.notify_props.get("channel") != "false"):
        return True
    return any(_has_word(text, key) for key in _keys(user))


def _keys(user: User) -> list[str]:
    keys = user.notify_props.get("mention_keys", "").lower().split(",")
    first = [user.first_name.lower()] if user.notify_props.get("first_name") == "true" else []
    return [key.strip() for key in [*keys, *first] if key.strip()]


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
