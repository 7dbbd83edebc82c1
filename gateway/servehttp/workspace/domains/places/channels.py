"""Channels of teams: public and private ones. Those without a team are made in `direct_channels`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true

from mattermost_plugin.models import Channel, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.places.channel_rules import PRIVATE_TALKS, check_channel, normalised
from servehttp.workspace.errors import exists, invalid, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, one, paged, scalar, to_row
from servehttp.workspace.store.tables.channels import channel_members as members
from servehttp.workspace.store.tables.channels import channels as table
from servehttp.workspace.validation import check_search

if TYPE_CHECKING:
    from servehttp.workspace.domains.base.config import Config
    from servehttp.workspace.domains.people.users import Users
    from servehttp.workspace.domains.places.channel_members import ChannelMembers
    from servehttp.workspace.domains.places.teams import Teams

TOWN_SQUARE = "town-square"
"""The channel that no user but a guest leaves, and that is never archived."""
KEPT = (
    "team_id",
    "create_at",
    "delete_at",
    "creator_id",
    "last_post_at",
    "last_root_post_at",
    "total_msg_count",
    "total_msg_count_root",
)
"""Fields that `update` leaves as they are."""
SEARCH_MAX = 100


class Channels(Domain):
    """Channels. A deleted one is archived: it is still there for those who know its id."""

    channel_members: ChannelMembers
    config: Config
    teams: Teams
    users: Users

    async def create(self, channel: Channel, *, join: bool = False) -> Channel:
        """Create a public or private channel in a team.

        Args:
            channel: what it is to be like; without a name it gets a random one.
            join: whether its creator becomes a member, and its administrator.

        Raises:
            AppFailure: 404, there is no such team, or no such creator who could join; 400, a field is malformed, the
                name is taken, the team has too many channels, or the channel is of a type that has no team.
        """
        if channel.type in PRIVATE_TALKS:
            raise invalid(
                "store.sql_channel.save.direct_channel.app_error", "Such a channel has no team.", where="CreateChannel"
            )
        channel = normalised(replace(channel, id=""))
        check_channel(channel)
        async with self.db.transaction():
            await self.teams.get(channel.team_id)
            await self._check_name(channel, "store.sql_channel.save_channel.exists.app_error", "CreateChannel")
            await self._check_room(channel.team_id)
            made = await self.insert(channel)
            if join and made.creator_id:
                await self._join_creator(made)
        return made

    async def insert(self, channel: Channel) -> Channel:
        """Store a new channel, for the domains of this package; returns it as stored."""
        now = self.now()
        made = replace(
            channel, id=new_id(), create_at=now, update_at=now, delete_at=0, last_post_at=0, last_root_post_at=0,
            total_msg_count=0, total_msg_count_root=0,
        )  # fmt: skip
        async with self.db.transaction() as tx:
            await insert(tx, table, to_row(made, table))
            self.notify("ChannelHasBeenCreated", channel=made)
        return made

    async def get(self, channel_id: str) -> Channel:
        """One channel of any type, archived or not.

        Raises:
            AppFailure: 404.
        """
        return await self._one(table.c.id == channel_id, "app.channel.get.existing.app_error", "GetChannel")

    async def get_by_name(self, team_id: str, name: str, *, include_deleted: bool = False) -> Channel:
        """The channel of a name in a team; an empty team means channels without one.

        Raises:
            AppFailure: 404.
        """
        found = and_(table.c.team_id == team_id, table.c.name == name, _live(include_deleted))
        return await self._one(found, "app.channel.get_by_name.missing.app_error", "GetChannelByName")

    async def get_by_team_name(self, team_name: str, name: str, *, include_deleted: bool = False) -> Channel:
        """The channel of a name in the team of a name.

        Raises:
            AppFailure: 404.
        """
        async with self.db.reading():
            team = await self.teams.get_by_name(team_name)
            return await self.get_by_name(team.id, name, include_deleted=include_deleted)

    async def public(self, team_id: str, page: int = 0, per_page: int = 60) -> list[Channel]:
        """A page of a team's public channels, without archived ones."""
        query = select(table).where(_public_in(team_id), table.c.delete_at == 0)
        return await self._many(paged(_ordered(query), page, per_page))

    async def public_by_ids(self, team_id: str, channel_ids: Sequence[str]) -> list[Channel]:
        """Those of these channels that are public ones of a team, without archived ones."""
        found = _public_in(team_id) & table.c.id.in_(channel_ids)
        return await self._many(_ordered(select(table).where(found, table.c.delete_at == 0)))

    async def of_user(self, team_id: str, user_id: str, *, include_deleted: bool = False) -> list[Channel]:
        """The channels that a user is in: those of a team, and those without one.

        Raises:
            AppFailure: 404, there are none.
        """
        of_user = select(members.c.channel_id).where(members.c.user_id == user_id)
        found = and_(table.c.team_id.in_(("", team_id)), table.c.id.in_(of_user), _live(include_deleted))
        channels = await self._many(_ordered(select(table).where(found)))
        if not channels:
            raise not_found(
                "app.channel.get_channels.not_found.app_error", "channel of this user", where="GetChannelsForUser"
            )
        return channels

    async def search(self, team_id: str, term: str) -> list[Channel]:
        """A team's public channels with a term in name, display name or purpose, without archived ones."""
        check_search(term)
        word = term.strip().lower()
        texts = (table.c.name, table.c.display_name, table.c.purpose)
        found = or_(*(func.lower(text).contains(word, autoescape=True) for text in texts))
        query = select(table).where(_public_in(team_id), table.c.delete_at == 0, found)
        return await self._many(_ordered(query).limit(SEARCH_MAX))

    async def update(self, channel: Channel) -> Channel:
        """Store a channel as given, but for what only other operations change; returns what is stored.

        Raises:
            AppFailure: 404; 400, a field is malformed, the name is taken, or it is one that stays.
        """
        async with self.db.transaction():
            old = await self.get(channel.id)
            kept: dict[str, Any] = {name: getattr(old, name) for name in KEPT}
            new = replace(normalised(channel), **kept)
            check_channel(new)
            await self._check_name(new, "app.channel.update.bad_id", "UpdateChannel")
            if new.name != old.name:
                _check_may_be_renamed(old)
            stored = await self._store(new)
            self.publish("channel_updated", {"channel": stored}, WebsocketBroadcast(channel_id=stored.id))
        return stored

    async def delete(self, channel_id: str) -> None:
        """Archive a channel.

        Raises:
            AppFailure: 404; 400, it is archived already, or it is the town square.
        """
        where = "DeleteChannel"
        async with self.db.transaction():
            channel = await self.get(channel_id)
            if channel.delete_at:
                raise invalid("api.channel.delete_channel.deleted.app_error", "It is archived already.", where=where)
            if channel.name == TOWN_SQUARE:
                raise invalid("api.channel.delete_channel.cannot.app_error", "This channel has to stay.", where=where)
            archived = await self._store(replace(channel, delete_at=self.now()))
            data = {"channel_id": channel_id, "delete_at": archived.delete_at}
            self.publish("channel_deleted", data, _whom_it_concerns(archived))

    async def restore(self, channel_id: str) -> Channel:
        """Take a channel out of the archive; returns it.

        Raises:
            AppFailure: 404; 400, it is not archived.
        """
        async with self.db.transaction():
            channel = await self.get(channel_id)
            if not channel.delete_at:
                raise invalid(
                    "api.channel.restore_channel.restored.app_error", "It is not archived.", where="RestoreChannel"
                )
            restored = await self._store(replace(channel, delete_at=0))
            self.publish("channel_restored", {"channel_id": channel_id}, _whom_it_concerns(restored))
        return restored

    async def _join_creator(self, channel: Channel) -> None:
        user = await self.users.get(channel.creator_id)
        await self.channel_members.enter(channel, user, admin=True)
        data = {"channel_id": channel.id, "team_id": channel.team_id}
        self.publish("channel_created", data, WebsocketBroadcast(user_id=user.id))

    async def _check_name(self, channel: Channel, taken: str, where: str) -> None:
        others = select(table.c.id).where(
            table.c.team_id == channel.team_id, table.c.name == channel.name, table.c.id != channel.id
        )
        async with self.db.reading() as tx:
            if await scalar(tx, others) is not None:
                raise exists(taken, "There is a channel of this name.", where=where)

    async def _check_room(self, team_id: str) -> None:
        most = (await self.config.section("TeamSettings"))["MaxChannelsPerTeam"]
        query = select(func.count()).where(table.c.team_id == team_id, table.c.delete_at == 0)
        async with self.db.reading() as tx:
            if int(await scalar(tx, query)) >= most:
                raise invalid(
                    "store.sql_channel.save_channel.limit.app_error",
                    "The team has as many channels as a team may have.",
                    where="CreateChannel",
                )

    async def _store(self, channel: Channel) -> Channel:
        new = replace(channel, update_at=self.now())
        async with self.db.transaction() as tx:
            await changed(tx, table.update().where(table.c.id == new.id).values(to_row(new, table)))
        return new

    async def _one(self, condition: ColumnElement[bool], missing: str, where: str) -> Channel:
        async with self.db.reading() as tx:
            channel = await one(tx, Channel, select(table).where(condition))
        if channel is None:
            raise not_found(missing, "channel", where=where)
        return channel

    async def _many(self, query: Select[Any]) -> list[Channel]:
        async with self.db.reading() as tx:
            return await many(tx, Channel, query)


def _check_may_be_renamed(channel: Channel) -> None:
    """By their names the channels are found that everybody is in, and those of the same few users."""
    if channel.type in PRIVATE_TALKS or channel.name == TOWN_SQUARE:
        raise invalid(
            "api.channel.update_channel.tried.app_error", "The name of this channel stays.", where="UpdateChannel"
        )


def _ordered(query: Select[Any]) -> Select[Any]:
    return query.order_by(func.lower(table.c.display_name), table.c.name)


def _live(include_deleted: bool) -> ColumnElement[bool]:
    return true() if include_deleted else table.c.delete_at == 0


def _public_in(team_id: str) -> ColumnElement[bool]:
    return and_(table.c.team_id == team_id, table.c.type == "O")


def _whom_it_concerns(channel: Channel) -> WebsocketBroadcast:
    """A public channel is seen by the whole team, any other one by its members."""
    if channel.type == "O":
        return WebsocketBroadcast(team_id=channel.team_id)
    return WebsocketBroadcast(channel_id=channel.id)
