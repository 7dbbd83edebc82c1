"""Bots: accounts that nobody logs in with, each of a plugin or a user."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import ColumnElement, Select, select

from mattermost_plugin.models import Bot, BotGetOptions, BotPatch, User
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import AppFailure, invalid, not_found
from servehttp.workspace.store.rows import changed, insert, many, one, paged, to_row
from servehttp.workspace.store.tables.bots import bots as table
from servehttp.workspace.store.tables.channels import channel_members
from servehttp.workspace.store.tables.preferences import preferences
from servehttp.workspace.store.tables.teams import team_members
from servehttp.workspace.store.tables.users import access_tokens, profile_images, sessions, statuses, users
from servehttp.workspace.validation import check_length

if TYPE_CHECKING:
    from servehttp.workspace.domains.base.system_properties import SystemProperties
    from servehttp.workspace.domains.people.sessions import Sessions
    from servehttp.workspace.domains.people.users import Users

DISPLAY_NAME_MAX = 64
DESCRIPTION_MAX = 1024
OWNER_MAX = 190
"""Characters."""

ENSURED = "EnsuredBot:"
"""Which bot a plugin ensured is a fact of this name and the plugin's id."""

OF_USER = (channel_members, team_members, preferences, access_tokens, sessions, statuses, profile_images)
"""Tables whose rows go with a user who is erased."""

logger = structlog.get_logger("servehttp.bots")


class Bots(Domain):
    """Bots. Each has a user of the same id, whose username and first name are the bot's names."""

    sessions: Sessions
    system_properties: SystemProperties
    users: Users

    async def create(self, bot: Bot) -> Bot:
        """Create a bot and its user.

        Raises:
            AppFailure: 400, a field is missing or malformed, or the username is taken.
        """
        _check(bot)
        async with self.db.transaction() as tx:
            user = await self.users.create(_user_of(bot))
            now = self.now()
            made = replace(
                bot, user_id=user.id, username=user.username, create_at=now, update_at=now, delete_at=0,
                last_icon_update=0,
            )  # fmt: skip
            await insert(tx, table, to_row(made, table))
        return made

    async def get(self, user_id: str, *, include_deleted: bool = False) -> Bot:
        """One bot.

        Raises:
            AppFailure: 404, there is none, or it is deactivated and `include_deleted` is False.
        """
        query = _bots(table.c.user_id == user_id, *([] if include_deleted else [table.c.delete_at == 0]))
        async with self.db.reading() as tx:
            bot = await one(tx, Bot, query)
        if bot is None:
            raise not_found("store.sql_bot.get.missing.app_error", "bot", where="GetBot")
        return bot

    async def find(self, wanted: BotGetOptions) -> list[Bot]:
        """A page of the bots that meet conditions, in the order in which they were made."""
        query = _bots(*_conditions(wanted)).order_by(table.c.create_at, table.c.user_id)
        async with self.db.reading() as tx:
            return await many(tx, Bot, paged(query, wanted.page, wanted.per_page))

    async def patch(self, user_id: str, patch: BotPatch) -> Bot:
        """Change the fields of a bot that are given; returns the bot.

        Raises:
            AppFailure: 404; 400, a field is malformed, or the username is taken.
        """
        async with self.db.transaction() as tx:
            old = await self.get(user_id, include_deleted=True)
            given = {name: getattr(patch, name) for name in ("username", "display_name", "description")}
            new = replace(old, **{name: value for name, value in given.items() if value is not None})
            new = replace(new, username=new.username.strip().lower(), update_at=self.now())
            _check(new)
            user = await self.users.get(user_id)
            named = _user_of(new)
            await self.users.update(
                replace(user, username=named.username, email=named.email, first_name=named.first_name)
            )
            await changed(tx, table.update().where(table.c.user_id == user_id).values(to_row(new, table)))
        return new

    async def set_active(self, user_id: str, active: bool) -> Bot:
        """Deactivate a bot, or take that back; returns the bot.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction() as tx:
            old = await self.get(user_id, include_deleted=True)
            user = await self.users.set_active(user_id, active)
            new = replace(old, delete_at=user.delete_at, update_at=self.now())
            await changed(tx, table.update().where(table.c.user_id == user_id).values(to_row(new, table)))
        return new

    async def erase(self, user_id: str) -> None:
        """Erase a bot and its user for good. What it wrote stays.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction() as tx:
            await self.get(user_id, include_deleted=True)
            for rows in OF_USER:
                await changed(tx, rows.delete().where(rows.c.user_id == user_id))
            await changed(tx, table.delete().where(table.c.user_id == user_id))
            await changed(tx, users.delete().where(users.c.id == user_id))
            self.sessions.tell(user_id)

    async def ensure(self, plugin_id: str, bot: Bot) -> str:
        """The id of the user of a plugin's own bot, which is made, or brought up to what is given.

        A bot of that name that is there already becomes the plugin's. So does, as in Mattermost, a person's account of
        that name, which is worth a warning.

        Raises:
            AppFailure: 400, a field is missing or malformed.
        """
        _check(replace(bot, owner_id=plugin_id))
        async with self.db.transaction():
            known = await self._ensured(plugin_id)
            if known is not None:
                await self.patch(known, BotPatch(bot.username, bot.display_name, bot.description))
                return known
            user_id = await self._taken_over(plugin_id, bot.username)
            user_id = user_id or (await self.create(replace(bot, owner_id=plugin_id))).user_id
            await self.system_properties.put(ENSURED + plugin_id, user_id)
        return user_id

    async def _ensured(self, plugin_id: str) -> str | None:
        user_id = await self.system_properties.get(ENSURED + plugin_id)
        try:
            return (await self.get(user_id, include_deleted=True)).user_id
        except AppFailure:
            return None

    async def _taken_over(self, plugin_id: str, username: str) -> str | None:
        try:
            user = await self.users.get_by_username(username)
        except AppFailure:
            return None
        if not user.is_bot:
            logger.warning("a plugin took a person's account for its bot", plugin=plugin_id, username=username)
        return user.id


def _bots(*conditions: ColumnElement[bool]) -> Select[Any]:
    names = (users.c.username, users.c.first_name.label("display_name"))
    return select(table, *names).join(users, users.c.id == table.c.user_id).where(*conditions)


def _conditions(wanted: BotGetOptions) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.owner_id:
        conditions.append(table.c.owner_id == wanted.owner_id)
    if not wanted.include_deleted:
        conditions.append(table.c.delete_at == 0)
    if wanted.only_orphaned:
        owner = users.alias("owner")
        conditions.append(table.c.owner_id.in_(select(owner.c.id).where(owner.c.delete_at != 0)))
    return conditions


def _user_of(bot: Bot) -> User:
    username = bot.username.strip().lower()
    return User(username=username, email=f"{username}@localhost", first_name=bot.display_name, is_bot=True)


def _check(bot: Bot) -> None:
    check_length(bot.display_name, DISPLAY_NAME_MAX, _malformed("display_name"))
    check_length(bot.description, DESCRIPTION_MAX, _malformed("description"))
    if not 0 < len(bot.owner_id) <= OWNER_MAX:
        raise _malformed("creator_id")
    if not bot.username:
        raise _malformed("username")


def _malformed(field: str) -> AppFailure:
    return invalid(
        f"model.bot.is_valid.{field}.app_error", "A field of the bot is missing or malformed.", where="Bot.IsValid"
    )
