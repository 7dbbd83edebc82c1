"""Filling teams and channels from the groups linked to them, and emptying those that groups manage."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Row, Select, Table, and_, exists, or_, select

from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.places.group_syncables import CHANNEL, TEAM
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.store.tables.channels import channel_member_history as history
from servehttp.workspace.store.tables.channels import channel_members, channels
from servehttp.workspace.store.tables.groups import group_members, group_syncables, groups
from servehttp.workspace.store.tables.teams import team_members, teams
from servehttp.workspace.store.tables.users import users

if TYPE_CHECKING:
    from servehttp.workspace.domains.places.channel_members import ChannelMembers
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.places.team_members import TeamMembers

logger = logging.getLogger(__name__)


class GroupSync(Domain):
    """From memberships in groups to those in teams and channels. Bots and deactivated users are left alone.

    Each user is one transaction, so that others need not wait for all of them; one who cannot be added is skipped,
    and logged.
    """

    channel_members: ChannelMembers
    channels: Channels
    team_members: TeamMembers

    async def add_members(
        self, *, since: int = 0, to_teams: bool = True, to_channels: bool = True, re_add: bool = False
    ) -> None:
        """Take members of groups into the teams and channels that their groups are linked to with `auto_add`.

        Args:
            since: only what changed in groups or links since then, in milliseconds since the epoch; 0 for everything.
            to_teams: whether to fill teams.
            to_channels: whether to fill channels, with their teams where need be.
            re_add: whether also those are added who have left or were removed.
        """
        if to_teams:
            for place in await self._rows(_to_add(TEAM, teams, since, _was_in_team(re_add))):
                await self._try(self.team_members.add, place.syncable_id, place.user_id)
        if to_channels:
            for place in await self._rows(_to_add(CHANNEL, channels, since, _was_in_channel(re_add))):
                await self._try(self._add_to_channel, place.syncable_id, place.user_id)

    async def remove_members(self) -> None:
        """Take those out of the teams and channels that groups manage who are in none of the groups linked to them."""
        for place in await self._rows(_strangers(TEAM, teams, team_members, team_members.c.team_id)):
            await self._try(self.team_members.remove, place.id, place.user_id)
        for place in await self._rows(_strangers(CHANNEL, channels, channel_members, channel_members.c.channel_id)):
            await self._try(self.channel_members.expel, place.id, place.user_id)

    async def _add_to_channel(self, channel_id: str, user_id: str) -> None:
        async with self.db.transaction():
            channel = await self.channels.get(channel_id)
            await self.team_members.add(channel.team_id, user_id)
            await self.channel_members.add(channel_id, user_id)

    async def _try(self, move: Callable[[str, str], Awaitable[Any]], place_id: str, user_id: str) -> None:
        try:
            await move(place_id, user_id)
        except AppFailure as failure:
            logger.info("user %s is not moved by groups into or out of %s: %s", user_id, place_id, failure)

    async def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        async with self.db.reading() as tx:
            found: Sequence[Row[Any]] = (await tx.execute(query)).all()
        return found


def _to_add(kind: str, places: Table, since: int, was_there: ColumnElement[bool]) -> Select[Any]:
    """Users and the places that their groups fill, without those who were there before."""
    linked = and_(
        group_syncables.c.group_id == group_members.c.group_id,
        group_syncables.c.syncable_type == kind,
        group_syncables.c.auto_add,
        group_syncables.c.delete_at == 0,
    )
    query = (
        select(group_members.c.user_id, group_syncables.c.syncable_id)
        .distinct()
        .join(group_syncables, linked)
        .join(groups, groups.c.id == group_members.c.group_id)
        .join(users, users.c.id == group_members.c.user_id)
        .join(places, places.c.id == group_syncables.c.syncable_id)
    )
    alive = [thing.c.delete_at == 0 for thing in (group_members, groups, users, places)]
    changed = or_(group_members.c.create_at >= since, group_syncables.c.update_at >= since)
    return query.where(*alive, changed, ~users.c.is_bot, ~was_there).order_by(
        group_members.c.user_id, group_syncables.c.syncable_id
    )


def _was_in_team(re_add: bool) -> ColumnElement[bool]:
    member = and_(
        team_members.c.user_id == group_members.c.user_id, team_members.c.team_id == group_syncables.c.syncable_id
    )
    return exists().where(member, team_members.c.delete_at == 0) if re_add else exists().where(member)


def _was_in_channel(re_add: bool) -> ColumnElement[bool]:
    visit = and_(history.c.user_id == group_members.c.user_id, history.c.channel_id == group_syncables.c.syncable_id)
    return exists().where(visit, history.c.leave_time == 0) if re_add else exists().where(visit)


def _strangers(kind: str, places: Table, members: Table, place_id: ColumnElement[str]) -> Select[Any]:
    """Members of places that groups manage who are in no group that is linked to the place."""
    entitled = (
        select(group_members.c.user_id)
        .join(group_syncables, group_syncables.c.group_id == group_members.c.group_id)
        .join(groups, groups.c.id == group_members.c.group_id)
        .where(
            group_syncables.c.syncable_id == places.c.id,
            group_syncables.c.syncable_type == kind,
            group_members.c.user_id == users.c.id,
            *(thing.c.delete_at == 0 for thing in (group_members, group_syncables, groups)),
        )
        .correlate(places, users)
    )
    present = [members.c.delete_at == 0] if "delete_at" in members.c else []
    return (
        select(places.c.id, members.c.user_id)
        .join(members, place_id == places.c.id)
        .join(users, users.c.id == members.c.user_id)
        .where(places.c.group_constrained, places.c.delete_at == 0, ~users.c.is_bot, ~entitled.exists(), *present)
        .order_by(places.c.id, members.c.user_id)
    )
