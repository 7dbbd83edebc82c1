"""Reactions: users' emoji on posts."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, select

from mattermost_plugin.models import Post, Reaction, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import AppFailure, forbidden, invalid
from servehttp.workspace.ids import is_id
from servehttp.workspace.store.rows import changed, insert, many, one, scalar, to_row
from servehttp.workspace.store.tables.posts import reactions as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.users import Users
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.posts.post_store import PostStore

EMOJI_NAME_MAX = 64
EMOJI_MAX = 50
"""Different emoji on one post."""

_NAME = re.compile(r"[a-zA-Z0-9_+-]+", re.ASCII)


class Reactions(Domain):
    """Reactions. One user has each emoji on a post once."""

    channels: Channels
    post_store: PostStore
    users: Users

    async def add(self, reaction: Reaction) -> Reaction:
        """React to a post; returns the reaction, which is the earlier one if the user had reacted so before.

        Raises:
            AppFailure: 404, there is no such post or user; 403, the channel is archived; 400, a field is malformed, or
                the post has too many emoji.
        """
        _check(reaction)
        async with self.db.transaction() as tx:
            post = await self._open_post(reaction.post_id, "save")
            await self.users.get(reaction.user_id)
            before = await one(tx, Reaction, select(table).where(_is(reaction)))
            if before is not None:
                return before
            await self._check_room(reaction)
            now = self.now()
            made = replace(reaction, channel_id=post.channel_id, create_at=now, update_at=now, delete_at=0)
            await insert(tx, table, to_row(made, table))
            await self._tell("added", made, post)
        return made

    async def remove(self, reaction: Reaction) -> None:
        """Take a reaction back; one that does not exist is no error.

        Raises:
            AppFailure: 404, there is no such post; 403, the channel is archived.
        """
        async with self.db.transaction() as tx:
            post = await self._open_post(reaction.post_id, "delete")
            before = await one(tx, Reaction, select(table).where(_is(reaction)))
            if before is None:
                return
            await changed(tx, table.delete().where(_is(reaction)))
            await self._tell("removed", replace(before, delete_at=self.now()), post)

    async def of_post(self, post_id: str) -> list[Reaction]:
        """The reactions to a post, in the order in which they came."""
        query = select(table).where(table.c.post_id == post_id).order_by(table.c.create_at, table.c.user_id)
        async with self.db.reading() as tx:
            return await many(tx, Reaction, query)

    async def forget_emoji(self, name: str) -> None:
        """Take all reactions with an emoji away, because there is no such emoji any more."""
        async with self.db.transaction() as tx:
            await changed(tx, table.delete().where(table.c.emoji_name == name))

    async def _tell(self, what: str, reaction: Reaction, post: Post) -> None:
        await self.post_store.touch(post.id)
        self.notify(f"ReactionHasBeen{what.capitalize()}", reaction=reaction)
        self.publish(f"reaction_{what}", {"reaction": reaction}, WebsocketBroadcast(channel_id=post.channel_id))

    async def _open_post(self, post_id: str, doing: str) -> Post:
        async with self.db.reading():
            post = await self.post_store.get(post_id)
            channel = await self.channels.get(post.channel_id)
        if channel.delete_at:
            raise forbidden(f"api.reaction.{doing}.archived_channel.app_error", "The channel is archived.")
        return post

    async def _check_room(self, reaction: Reaction) -> None:
        there = table.c.post_id == reaction.post_id
        kinds = select(func.count(table.c.emoji_name.distinct())).where(there)
        same = select(table.c.emoji_name).where(there, table.c.emoji_name == reaction.emoji_name)
        async with self.db.reading() as tx:
            if await scalar(tx, same) is None and await scalar(tx, kinds) >= EMOJI_MAX:
                raise invalid(
                    "app.reaction.save.save.too_many_reactions",
                    f"A post has at most {EMOJI_MAX} different emoji.",
                    where="SaveReactionForPost",
                )


def _is(reaction: Reaction) -> ColumnElement[Any]:
    return (
        (table.c.user_id == reaction.user_id)
        & (table.c.post_id == reaction.post_id)
        & (table.c.emoji_name == reaction.emoji_name)
    )


def _check(reaction: Reaction) -> None:
    if not is_id(reaction.user_id):
        raise _malformed("user_id")
    if not is_id(reaction.post_id):
        raise _malformed("post_id")
    if len(reaction.emoji_name) > EMOJI_NAME_MAX or not _NAME.fullmatch(reaction.emoji_name):
        raise _malformed("emoji_name")


def _malformed(field: str) -> AppFailure:
    id = f"model.reaction.is_valid.{field}.app_error"
    return invalid(id, f"The reaction's {field} is malformed.", where="Reaction.IsValid")
