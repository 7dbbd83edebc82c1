"""Custom emoji."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, select

from mattermost_plugin.models import Emoji
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.base.images import mime_type
from servehttp.workspace.domains.posts.files import too_large
from servehttp.workspace.errors import AppFailure, exists, invalid, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, one, paged, to_row
from servehttp.workspace.store.tables.emoji import emoji as table
from servehttp.workspace.store.tables.emoji import emoji_images
from servehttp.workspace.validation import check_search

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.users import Users
    from servehttp.workspace.domains.posts.reactions import Reactions

NAME_MAX = 64
IMAGE_MAX = 512 * 1024
"""Bytes of an emoji's image."""
IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif")

_NAME = re.compile(r"[a-z0-9_+-]+", re.ASCII)


@dataclass(frozen=True)
class EmojiImage:
    """An image file and what kind it is."""

    data: bytes
    mime_type: str


class CustomEmoji(Domain):
    """The emoji that users added, beside those that every client has."""

    reactions: Reactions
    users: Users

    async def create(self, name: str, image: bytes, creator_id: str) -> Emoji:
        """Add an emoji; returns it.

        Raises:
            AppFailure: 400, the name is malformed or taken, or the image is none; 413, it is too large; 404, there is
                no such user.
        """
        _check_name(name)
        kind = _kind(image)
        now = self.now()
        made = Emoji(id=new_id(), create_at=now, update_at=now, creator_id=creator_id, name=name)
        async with self.db.transaction() as tx:
            await self.users.get(creator_id)
            if await one(tx, Emoji, _live(table.c.name == name)) is not None:
                raise exists("api.emoji.create.duplicate.app_error", "The name is taken.", where="CreateEmoji")
            await insert(tx, table, to_row(made, table))
            await insert(tx, emoji_images, {"emoji_id": made.id, "image": image, "mime_type": kind})
            self.publish("emoji_added", {"emoji": made})
        return made

    async def page(self, sort: str = "", page: int = 0, per_page: int = 60) -> list[Emoji]:
        """A page of the emoji, by "name" or as they came."""
        order = (table.c.name,) if sort == "name" else (table.c.create_at, table.c.id)
        async with self.db.reading() as tx:
            return await many(tx, Emoji, paged(_live().order_by(*order), page, per_page))

    async def search(self, term: str, *, prefix_only: bool = False, limit: int = 100) -> list[Emoji]:
        """The emoji whose names hold a term, or begin with it."""
        check_search(term)
        name = table.c.name
        found = name.startswith(term, autoescape=True) if prefix_only else name.contains(term, autoescape=True)
        async with self.db.reading() as tx:
            return await many(tx, Emoji, _live(found).order_by(name).limit(limit))

    async def get(self, emoji_id: str) -> Emoji:
        """One emoji.

        Raises:
            AppFailure: 404.
        """
        return await self._one(table.c.id == emoji_id, "app.emoji.get.no_result")

    async def by_name(self, name: str) -> Emoji:
        """The emoji with a name, without colons.

        Raises:
            AppFailure: 404.
        """
        return await self._one(table.c.name == name, "app.emoji.get_by_name.no_result")

    async def by_names(self, names: Sequence[str]) -> list[Emoji]:
        """Those of these emoji that exist."""
        async with self.db.reading() as tx:
            return await many(tx, Emoji, _live(table.c.name.in_(names)).order_by(table.c.name))

    async def image(self, emoji_id: str) -> EmojiImage:
        """The image of an emoji.

        Raises:
            AppFailure: 404.
        """
        async with self.db.reading() as tx:
            await self.get(emoji_id)
            row = (await tx.execute(select(emoji_images).where(emoji_images.c.emoji_id == emoji_id))).one()
        return EmojiImage(row.image, row.mime_type)

    async def delete(self, emoji_id: str) -> None:
        """Delete an emoji with the reactions by it; its name is free then.

        Raises:
            AppFailure: 404.
        """
        now = self.now()
        async with self.db.transaction() as tx:
            gone = await self.get(emoji_id)
            await self.reactions.forget_emoji(gone.name)
            await changed(tx, table.update().where(table.c.id == emoji_id).values(delete_at=now, update_at=now))
            await changed(tx, emoji_images.delete().where(emoji_images.c.emoji_id == emoji_id))

    async def _one(self, which: ColumnElement[bool], missing: str) -> Emoji:
        async with self.db.reading() as tx:
            found = await one(tx, Emoji, _live(which))
        if found is None:
            raise not_found(missing, "emoji", where="GetEmoji")
        return found


def _live(*which: ColumnElement[bool]) -> Select[tuple[object]]:
    return select(table).where(table.c.delete_at == 0, *which)


def _check_name(name: str) -> None:
    if len(name) > NAME_MAX or not _NAME.fullmatch(name):
        raise invalid(
            "model.emoji.name.app_error",
            f"A name has up to {NAME_MAX} lower case letters, digits, dashes, plus signs and underscores.",
            where="Emoji.IsValid",
        )


def _kind(image: bytes) -> str:
    if len(image) > IMAGE_MAX:
        raise too_large("api.emoji.create.too_large.app_error", IMAGE_MAX, "CreateEmoji")
    kind = mime_type(image)
    if kind not in IMAGE_TYPES:
        raise _no_image()
    return kind


def _no_image() -> AppFailure:
    return invalid("api.emoji.upload.image.app_error", "An emoji is a PNG, JPEG or GIF.", where="CreateEmoji")
