"""Users' sidebars: their channels in categories, for each team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, select

from mattermost_plugin.models import Channel, OrderedSidebarCategories, Preference, WebsocketBroadcast
from mattermost_plugin.models import SidebarCategoryWithChannels as Category
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.places.preferences import FAVOURITE
from servehttp.workspace.domains.places.sidebar_layout import (
    CUSTOM,
    FAVOURITES,
    changed_category,
    favourites,
    first_categories,
    muted,
    spread,
    without,
)
from servehttp.workspace.errors import AppFailure, invalid, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, to_row
from servehttp.workspace.store.tables.channels import sidebar_categories as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.places.channel_members import ChannelMembers
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.places.preferences import Preferences
    from servehttp.workspace.domains.places.teams import Teams

NAME_MAX = 64
"""Characters of a category's name."""


class Sidebar(Domain):
    """Categories. A channel that its user has put into none is in the one of its type."""

    channel_members: ChannelMembers
    channels: Channels
    preferences: Preferences
    teams: Teams

    async def get(self, user_id: str, team_id: str) -> OrderedSidebarCategories:
        """A user's sidebar in a team."""
        async with self.db.reading():
            shown = spread(await self._kept(user_id, team_id), await self._channels(user_id, team_id))
        return OrderedSidebarCategories(categories=shown, order=[category.id for category in shown])

    async def create(self, user_id: str, team_id: str, category: Category) -> Category:
        """Add a category of the user's own below the favourites; its channels leave others for it. Returns it.

        Raises:
            AppFailure: 400, it has no name, or one too long.
        """
        _check_name(category.display_name)
        made = replace(category, id=new_id(), user_id=user_id, team_id=team_id, type=CUSTOM)
        async with self.db.transaction():
            before = await self._kept(user_id, team_id)
            others = without(before, made.channel_ids)
            place = 1 if others[0].type == FAVOURITES else 0
            await self._store(user_id, team_id, before, [*others[:place], made, *others[place:]])
            self._publish("sidebar_category_created", made, category_id=made.id)
            return await self._shown(made)

    async def update(self, user_id: str, team_id: str, wanted: Sequence[Category]) -> list[Category]:
        """Change categories, whose channels leave others for them; returns them.

        Raises:
            AppFailure: 404, there is none of an id; 400, one has no name, or one too long.
        """
        async with self.db.transaction():
            before = await self._kept(user_id, team_id)
            after = before
            for category in wanted:
                after = _with(after, category)
            await self._store(user_id, team_id, before, after)
            shown = [await self._shown(category) for category in after if category.id in {one.id for one in wanted}]
            for first in shown[:1]:
                self._publish("sidebar_category_updated", first, updatedCategories=shown)
        return shown

    async def delete(self, user_id: str, team_id: str, category_id: str) -> None:
        """Delete a category of the user's own; its channels go where their types belong.

        Raises:
            AppFailure: 404; 400, it is one that every sidebar has.
        """
        async with self.db.transaction():
            before = await self._kept(user_id, team_id)
            category = _named(before, category_id)
            if category.type != CUSTOM:
                raise invalid("app.channel.sidebar_categories.app_error", "This category has to stay.")
            await self._store(user_id, team_id, before, [one for one in before if one.id != category_id])
            self._publish("sidebar_category_deleted", category, category_id=category_id)

    async def set_order(self, user_id: str, team_id: str, category_ids: Sequence[str]) -> list[str]:
        """Put the categories into another order; returns it.

        Raises:
            AppFailure: 400, these are not the ids of all of them.
        """
        async with self.db.transaction():
            before = await self._kept(user_id, team_id)
            if sorted(category_ids) != sorted(category.id for category in before):
                raise invalid("app.channel.sidebar_categories.app_error", "An order has all of the categories.")
            after = [_named(before, category_id) for category_id in category_ids]
            await self._store(user_id, team_id, before, after)
            self._publish("sidebar_category_order_updated", after[0], order=list(category_ids))
        return list(category_ids)

    async def set_favourite(self, user_id: str, channel_id: str, favourite: bool) -> None:
        """Put a channel among the favourites, or take it from there, because a preference says so."""
        async with self.db.transaction():
            for team_id in await self._teams_that_show(user_id, channel_id):
                before = await self._kept(user_id, team_id)
                if (channel_id in favourites(before)) == favourite:
                    continue
                after = without(before, [channel_id])
                if favourite:
                    after = [_first_in(one, channel_id) if one.type == FAVOURITES else one for one in after]
                await self._put(user_id, team_id, after)
                self._publish("sidebar_category_updated", after[0], updatedCategories=after)

    async def _teams_that_show(self, user_id: str, channel_id: str) -> list[str]:
        try:
            team_id = (await self.channels.get(channel_id)).team_id
        except AppFailure:
            return []
        return [team_id] if team_id else [team.id for team in await self.teams.of_user(user_id)]

    async def _kept(self, user_id: str, team_id: str) -> list[Category]:
        """The categories as they are stored, from top to bottom; before the first change, those all sidebars have."""
        query = select(table).where(_of(user_id, team_id)).order_by(table.c.sort_order)
        async with self.db.reading() as tx:
            return await many(tx, Category, query) or first_categories(user_id, team_id)

    async def _channels(self, user_id: str, team_id: str) -> list[Channel]:
        try:
            return await self.channels.of_user(team_id, user_id)
        except AppFailure:
            return []

    async def _shown(self, category: Category) -> Category:
        shown = await self.get(category.user_id, category.team_id)
        return _named(shown.categories, category.id)

    async def _store(self, user_id: str, team_id: str, before: list[Category], after: list[Category]) -> None:
        await self._put(user_id, team_id, after)
        present = {channel.id for channel in await self._channels(user_id, team_id)}
        await self._mute(user_id, present & (muted(after) - muted(before)), "mention")
        await self._mute(user_id, present & (muted(before) - muted(after)), "all")
        added, gone = favourites(after) - favourites(before), favourites(before) - favourites(after)
        if added:
            await self.preferences.write(user_id, _favourite_preferences(user_id, added))
        if gone:
            await self.preferences.erase(user_id, _favourite_preferences(user_id, gone))

    async def _mute(self, user_id: str, channel_ids: set[str], mark_unread: str) -> None:
        for channel_id in sorted(channel_ids):
            await self.channel_members.set_notify_props(channel_id, user_id, {"mark_unread": mark_unread})

    async def _put(self, user_id: str, team_id: str, categories: Sequence[Category]) -> None:
        async with self.db.transaction() as tx:
            await changed(tx, table.delete().where(_of(user_id, team_id)))
            for place, category in enumerate(categories):
                await insert(tx, table, to_row(category, table, sort_order=place))

    def _publish(self, event: str, category: Category, **data: object) -> None:
        self.publish(event, data, WebsocketBroadcast(user_id=category.user_id, team_id=category.team_id))


def _of(user_id: str, team_id: str) -> ColumnElement[bool]:
    return and_(table.c.user_id == user_id, table.c.team_id == team_id)


def _named(categories: Sequence[Category], category_id: str) -> Category:
    for category in categories:
        if category.id == category_id:
            return category
    raise not_found("app.channel.sidebar_categories.app_error", "category", where="SidebarCategories")


def _with(categories: list[Category], wanted: Category) -> list[Category]:
    """The categories with one of them changed."""
    new = changed_category(_named(categories, wanted.id), wanted)
    _check_name(new.display_name)
    return [new if one.id == new.id else one for one in without(categories, new.channel_ids)]


def _first_in(category: Category, channel_id: str) -> Category:
    return replace(category, channel_ids=[channel_id, *category.channel_ids])


def _favourite_preferences(user_id: str, channel_ids: set[str]) -> list[Preference]:
    return [
        Preference(user_id=user_id, category=FAVOURITE, name=channel_id, value="true")
        for channel_id in sorted(channel_ids)
    ]


def _check_name(name: str) -> None:
    if not 0 < len(name) <= NAME_MAX:
        raise invalid(
            "api.context.invalid_body_param.app_error", f"A name has 1 to {NAME_MAX} characters.", Name="category"
        )
