"""Whom a post mentions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import select

from mattermost_plugin.models import Post, User
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.posts.post_rules import is_system, without_code
from servehttp.workspace.store.rows import many
from servehttp.workspace.store.tables.channels import channel_members
from servehttp.workspace.store.tables.users import users

if TYPE_CHECKING:
    from servehttp.workspace.domains.places.channels import Channels

EVERYBODY = frozenset({"all", "channel", "here"})

PHRASE_MAX = 4
"""Words of the longest phrase that a user can listen for."""

_WORD = re.compile(r"\w+")
_MARKS = ".,;:!?\"'()[]{}<>*_~"
"""What a word may have around it in a sentence."""
_NAME = re.compile(r"(?<![\w@])@([a-z0-9][a-z0-9._-]*)", re.ASCII)


class Mentions(Domain):
    """Mentions: by `@name` and by the words a user wants to hear of; in a direct channel each post is one."""

    channels: Channels

    async def of(self, post: Post) -> list[str]:
        """The ids of the members of a post's channel whom it mentions, in order; never its author."""
        if is_system(post):
            return []
        inside = select(channel_members.c.user_id).where(channel_members.c.channel_id == post.channel_id)
        others = (users.c.id != post.user_id) & (users.c.delete_at == 0)
        named = select(users.c.id, users.c.username, users.c.first_name, users.c.notify_props)
        async with self.db.reading() as tx:
            channel = await self.channels.get(post.channel_id)
            members = await many(tx, User, named.where(users.c.id.in_(inside), others))
        if channel.type == "D":
            return sorted(user.id for user in members)
        text = without_code(post.message).lower()
        names = {name for found in _NAME.findall(text) for name in (found, found.rstrip(".-_"))}
        spoken = phrases(text)
        return sorted(user.id for user in members if _is_named(user, names) or not spoken.isdisjoint(_keys(user)))


def phrases(text: str) -> set[str]:
    """What a text says that a user may want to hear of: its words, with and without the signs around them, and up to
    `PHRASE_MAX` words in a row. A set, so that whoever listens costs the same however much was written."""
    tokens = text.split()
    words = [token.strip(_MARKS) for token in tokens]
    found = {*tokens, *words, *_WORD.findall(text)}
    for length in range(2, PHRASE_MAX + 1):
        found.update(" ".join(words[start : start + length]) for start in range(len(words) - length + 1))
    return found


def _is_named(user: User, names: set[str]) -> bool:
    return user.username in names or (user.notify_props.get("channel") != "false" and not names.isdisjoint(EVERYBODY))


def _keys(user: User) -> list[str]:
    keys = user.notify_props.get("mention_keys", "").lower().split(",")
    first = [user.first_name.lower()] if user.notify_props.get("first_name") == "true" else []
    return [" ".join(key.split()) for key in [*keys, *first] if key.strip()]
