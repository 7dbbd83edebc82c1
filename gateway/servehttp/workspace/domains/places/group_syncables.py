"""Which teams and channels a group fills."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, select

from mattermost_plugin.models import GroupSyncable, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import AppFailure, invalid, not_found
from servehttp.workspace.store.rows import changed, insert, many, one, scalar, to_row
from servehttp.workspace.store.tables.channels import channels
from servehttp.workspace.store.tables.groups import group_members as members
from servehttp.workspace.store.tables.groups import group_syncables as table
from servehttp.workspace.store.tables.groups import groups

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.groups import Groups
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.places.teams import Teams

TEAM, CHANNEL = "Team", "Channel"


class GroupSyncables(Domain):
    """Links of groups to teams and channels ("syncables"). What is unlinked remains on record, with `delete_at`."""

    channels: Channels
    groups: Groups
    teams: Teams

    async def get(self, group_id: str, syncable_id: str, syncable_type: str) -> GroupSyncable:
        """One link, past ones too.

        Raises:
            AppFailure: 404; 400, there is no such type.
        """
        _check_type(syncable_type)
        found = await self._find(group_id, syncable_id, syncable_type)
        if found is None:
            raise _missing("GetGroupSyncable")
        return found

    async def of_group(self, group_id: str, syncable_type: str) -> list[GroupSyncable]:
        """The links of a group to teams, or to channels.

        Raises:
            AppFailure: 400, there is no such type.
        """
        _check_type(syncable_type)
        mine = and_(table.c.group_id == group_id, table.c.syncable_type == syncable_type, table.c.delete_at == 0)
        async with self.db.reading() as tx:
            return await many(tx, GroupSyncable, select(table).where(mine).order_by(table.c.syncable_id))

    async def admits(self, syncable_id: str, user_id: str) -> bool:
        """Whether a user is in one of the groups that a team or channel is linked to."""
        in_group = and_(members.c.group_id == table.c.group_id, members.c.user_id == user_id, members.c.delete_at == 0)
        query = select(members.c.user_id).join(table, in_group).join(groups, groups.c.id == table.c.group_id)
        linked = and_(table.c.syncable_id == syncable_id, table.c.delete_at == 0, groups.c.delete_at == 0)
        async with self.db.reading() as tx:
            return await scalar(tx, query.where(linked)) is not None

    async def upsert(self, syncable: GroupSyncable) -> GroupSyncable:
        """Link a group to a team or channel, or change the link; returns it.

        A group that is linked to a channel is linked to its team too, without adding members to that by themselves.

        Raises:
            AppFailure: 404, there is no such group, team or channel; 400, there is no such type, or groups manage
                the channel's team, and this one is not among them.
        """
        _check_type(syncable.syncable_type)
        async with self.db.transaction():
            await self.groups.get(syncable.group_id)
            await self._check_place(syncable)
            present = await self._find(syncable.group_id, syncable.syncable_id, syncable.syncable_type)
            live = present if present is not None and not present.delete_at else None
            stored = await self._put(replace(syncable, create_at=live.create_at if live else self.now(), delete_at=0))
            if live is None:
                self._publish("associated", stored)
        return stored

    async def update(self, syncable: GroupSyncable) -> GroupSyncable:
        """Change a link; returns it.

        Raises:
            AppFailure: 404, there is none; 400, there is no such type, or it is unlinked.
        """
        async with self.db.transaction():
            present = await self.get(syncable.group_id, syncable.syncable_id, syncable.syncable_type)
            if present.delete_at:
                raise _already_deleted("UpdateGroupSyncable")
            return await self._put(replace(syncable, create_at=present.create_at, delete_at=0))

    async def delete(self, group_id: str, syncable_id: str, syncable_type: str) -> GroupSyncable:
        """Unlink a group from a team, and from the channels of that, or from a channel; returns the link that was.

        Raises:
            AppFailure: 404, there is none; 400, there is no such type, or it is unlinked already.
        """
        async with self.db.transaction():
            present = await self.get(group_id, syncable_id, syncable_type)
            if present.delete_at:
                raise _already_deleted("DeleteGroupSyncable")
            gone = await self._put(replace(present, delete_at=self.now()))
            self._publish("not_associated", gone)
            if syncable_type == TEAM:
                await self._delete_channels_of(group_id, syncable_id)
        return gone

    async def _check_place(self, syncable: GroupSyncable) -> None:
        if syncable.syncable_type == TEAM:
            await self.teams.get(syncable.syncable_id)
            return
        channel = await self.channels.get(syncable.syncable_id)
        team = await self.teams.get(channel.team_id)
        present = await self._find(syncable.group_id, team.id, TEAM)
        if present is not None and not present.delete_at:
            return
        if team.group_constrained:
            raise invalid(
                "group_not_associated_to_synced_team",
                "Groups manage the team of the channel, and this one is not among them.",
                where="UpsertGroupSyncable",
            )
        await self.upsert(GroupSyncable(group_id=syncable.group_id, syncable_id=team.id, syncable_type=TEAM))

    async def _delete_channels_of(self, group_id: str, team_id: str) -> None:
        of_team = select(channels.c.id).where(channels.c.team_id == team_id)
        mine = and_(table.c.group_id == group_id, table.c.syncable_id.in_(of_team), table.c.delete_at == 0)
        async with self.db.transaction() as tx:
            for link in await many(tx, GroupSyncable, select(table).where(mine)):
                await self.delete(group_id, link.syncable_id, CHANNEL)

    async def _put(self, syncable: GroupSyncable) -> GroupSyncable:
        new = replace(syncable, update_at=self.now())
        async with self.db.transaction() as tx:
            await changed(tx, table.delete().where(_is(new.group_id, new.syncable_id, new.syncable_type)))
            await insert(tx, table, to_row(new, table))
        return new

    def _publish(self, what: str, syncable: GroupSyncable) -> None:
        kind, place = syncable.syncable_type.lower(), syncable.syncable_id
        to_team = kind == "team"
        broadcast = WebsocketBroadcast(team_id=place) if to_team else WebsocketBroadcast(channel_id=place)
        self.publish(f"received_group_{what}_to_{kind}", {"group_id": syncable.group_id}, broadcast)

    async def _find(self, group_id: str, syncable_id: str, syncable_type: str) -> GroupSyncable | None:
        async with self.db.reading() as tx:
            return await one(tx, GroupSyncable, select(table).where(_is(group_id, syncable_id, syncable_type)))


def _is(group_id: str, syncable_id: str, syncable_type: str) -> ColumnElement[bool]:
    return and_(
        table.c.group_id == group_id, table.c.syncable_id == syncable_id, table.c.syncable_type == syncable_type
    )


def _check_type(syncable_type: str) -> None:
    if syncable_type not in (TEAM, CHANNEL):
        raise invalid(
            "api.context.invalid_url_param.app_error", f"A link is to a {TEAM} or a {CHANNEL}.", Name="syncable_type"
        )


def _missing(where: str) -> AppFailure:
    return not_found("app.group.no_rows", "link of this group", where=where)


def _already_deleted(where: str) -> AppFailure:
    return invalid("app.group.group_syncable_already_deleted", "The group is unlinked already.", where=where)
