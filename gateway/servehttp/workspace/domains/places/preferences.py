"""Users' preferences: what their clients keep for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, select

from mattermost_plugin.models import Preference, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import AppFailure, forbidden, invalid
from servehttp.workspace.store.rows import changed, insert, many, one, to_row
from servehttp.workspace.store.tables.preferences import preferences as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.places.sidebar import Sidebar

FAVOURITE = "favorite_channel"
"""The category of a user's favourite channels; the name is the channel's id, and the sidebar says the same."""
THEME = "theme"
KEY_MAX = 32
"""Characters of a category or a name."""
VALUE_MAX = 20_000


class Preferences(Domain):
    """Preferences, each one value by user, category and name."""

    sidebar: Sidebar

    async def get(self, user_id: str, category: str, name: str) -> Preference:
        """One preference.

        Raises:
            AppFailure: 400 (not 404, as Mattermost has it), there is none.
        """
        query = select(table).where(_is(Preference(user_id=user_id, category=category, name=name)))
        async with self.db.reading() as tx:
            found = await one(tx, Preference, query)
        if found is None:
            raise invalid(
                "app.preference.get.app_error",
                "There is no such preference.",
                where="GetPreferenceByCategoryAndNameForUser",
            )
        return found

    async def of_user(self, user_id: str, category: str = "") -> list[Preference]:
        """A user's preferences; with a category, those of that one alone."""
        query = select(table).where(table.c.user_id == user_id).order_by(table.c.category, table.c.name)
        async with self.db.reading() as tx:
            return await many(tx, Preference, query.where(table.c.category == category) if category else query)

    async def update(self, user_id: str, preferences: Sequence[Preference]) -> None:
        """Store preferences of a user: all, or none.

        Raises:
            AppFailure: 403, one is of another user; 400, one is malformed.
        """
        _check_owner(user_id, preferences, "api.preference.update_preferences.set.app_error")
        for preference in preferences:
            _check(preference)
        async with self.db.transaction():
            await self.write(user_id, preferences)
            await self._tell_sidebar(user_id, preferences, added=True)
            self.notify("PreferencesHaveChanged", preferences=list(preferences))

    async def delete(self, user_id: str, preferences: Sequence[Preference]) -> None:
        """Delete preferences of a user; those that do not exist are no error.

        Raises:
            AppFailure: 403, one is of another user.
        """
        _check_owner(user_id, preferences, "api.preference.delete_preferences.delete.app_error")
        async with self.db.transaction():
            await self.erase(user_id, preferences)
            await self._tell_sidebar(user_id, preferences, added=False)

    async def write(self, user_id: str, preferences: Sequence[Preference]) -> None:
        """Store preferences and tell the user's clients, for the domains of this package."""
        async with self.db.transaction() as tx:
            for preference in preferences:
                await changed(tx, table.delete().where(_is(preference)))
                await insert(tx, table, to_row(preference, table))
            data = {"preferences": list(preferences)}
            self.publish("preferences_changed", data, WebsocketBroadcast(user_id=user_id))

    async def erase(self, user_id: str, preferences: Sequence[Preference]) -> None:
        """Delete preferences and tell the user's clients, for the domains of this package."""
        async with self.db.transaction() as tx:
            for preference in preferences:
                await changed(tx, table.delete().where(_is(preference)))
            data = {"preferences": list(preferences)}
            self.publish("preferences_deleted", data, WebsocketBroadcast(user_id=user_id))

    async def _tell_sidebar(self, user_id: str, preferences: Iterable[Preference], *, added: bool) -> None:
        for preference in preferences:
            if preference.category == FAVOURITE:
                favourite = added and preference.value == "true"
                await self.sidebar.set_favourite(user_id, preference.name, favourite)


def _is(preference: Preference) -> ColumnElement[bool]:
    return and_(
        table.c.user_id == preference.user_id,
        table.c.category == preference.category,
        table.c.name == preference.name,
    )


def _check_owner(user_id: str, preferences: Iterable[Preference], failure: str) -> None:
    if any(preference.user_id != user_id for preference in preferences):
        raise forbidden(failure, "A preference is of another user.")


def _check(preference: Preference) -> None:
    if not 0 < len(preference.category) <= KEY_MAX:
        raise _malformed("category")
    if len(preference.name) > KEY_MAX:
        raise _malformed("name")
    if len(preference.value) > VALUE_MAX:
        raise _malformed("value")
    if preference.category == THEME and not _is_object(preference.value):
        raise _malformed("theme")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _malformed(field: str) -> AppFailure:
    return invalid(
        f"model.preference.is_valid.{field}.app_error", f"The {field} is not valid.", where="Preference.IsValid"
    )
