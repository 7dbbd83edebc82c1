"""Who is in which channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, func, select

from mattermost_plugin.models import Channel, ChannelMember, User, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.places.channel_notify_props import DEFAULT_NOTIFY_PROPS, known_props
from servehttp.workspace.domains.places.channel_rules import TEAM_TYPES
from servehttp.workspace.domains.places.channels import TOWN_SQUARE
from servehttp.workspace.domains.places.member_roles import is_guest, with_all_roles, with_new_roles
from servehttp.workspace.domains.places.teams import DEFAULT_CHANNELS
from servehttp.workspace.errors import AppFailure, forbidden, invalid, not_found
from servehttp.workspace.store.rows import changed, insert, many, one, paged, scalar, to_row
from servehttp.workspace.store.tables.channels import channel_member_history as history
from servehttp.workspace.store.tables.channels import channel_members as table
from servehttp.workspace.store.tables.channels import channels

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.roles import Roles
    from servehttp.workspace.domains.people.users import Users
    from servehttp.workspace.domains.places.channels import Channels
    from servehttp.workspace.domains.places.group_syncables import GroupSyncables
    from servehttp.workspace.domains.places.team_members import TeamMembers

PATCH_MAX = 200
"""Members whose notifications are changed at once."""


class ChannelMembers(Domain):
    """Memberships in channels. When users came and went is kept in the history."""

    channels: Channels
    group_syncables: GroupSyncables
    roles: Roles
    team_members: TeamMembers
    users: Users

    async def add(self, channel_id: str, user_id: str, requestor_id: str = "") -> ChannelMember:
        """Take a member of the team into a public or private channel; nothing happens to one who is in it.

        Args:
            channel_id: the channel.
            user_id: the user.
            requestor_id: who adds the user; empty if they join by themselves, or by a plugin.

        Raises:
            AppFailure: 404, no such channel or user, or the user was never in the team; 403, the user is deactivated;
                400, the channel is archived or has no team, the user has left the team, or the groups that manage the
                channel do not have the user.
        """
        async with self.db.transaction():
            channel, user = await self.channels.get(channel_id), await self.users.get(user_id)
            present = await self._find(channel_id, user_id)
            if present is not None:
                return with_all_roles(present)
            await self._check_may_join(channel, user)
            return await self.enter(channel, user, requestor_id=requestor_id)

    async def remove(self, channel_id: str, user_id: str, remover_id: str = "") -> None:
        """Take a user out of a public or private channel.

        Args:
            channel_id: the channel.
            user_id: the user.
            remover_id: who removes the user; empty if they leave by themselves.

        Raises:
            AppFailure: 404, no such channel, user or member; 400, nobody leaves such a channel, or the groups that
                manage it have the user.
        """
        async with self.db.transaction():
            channel, user = await self.channels.get(channel_id), await self.users.get(user_id)
            member = await self._required(channel_id, user_id)
            await self._check_may_leave(channel, user)
            if remover_id not in ("", user_id) and channel.group_constrained and await self._is_entitled(channel, user):
                raise invalid(
                    "api.channel.remove_members.denied", "The channel's groups have the user.", where="RemoveUser"
                )
            await self._leave(channel, member, remover_id or user_id)

    async def expel(self, channel_id: str, user_id: str) -> None:
        """Take a user out of any channel, by nobody's will: the groups that manage the channel do not have the user.

        Raises:
            AppFailure: 404, no such channel or member.
        """
        async with self.db.transaction():
            channel = await self.channels.get(channel_id)
            await self._leave(channel, await self._required(channel_id, user_id), "")

    async def join_default(self, team_id: str, user: User, *, admin: bool, requestor_id: str) -> None:
        """Take a new member of a team into its default channels, those that are there."""
        names = and_(channels.c.team_id == team_id, channels.c.name.in_(DEFAULT_CHANNELS), channels.c.delete_at == 0)
        async with self.db.transaction() as tx:
            for channel in await many(tx, Channel, select(channels).where(names).order_by(channels.c.name)):
                if await self._find(channel.id, user.id) is None:
                    await self.enter(channel, user, admin=admin, requestor_id=requestor_id)

    async def leave_all(self, team_id: str, user_id: str) -> None:
        """Take a user out of all channels of a team, which fires no hooks of channels."""
        of_team = select(channels.c.id).where(channels.c.team_id == team_id)
        async with self.db.transaction() as tx:
            mine = and_(table.c.user_id == user_id, table.c.channel_id.in_(of_team))
            await changed(tx, table.delete().where(mine))
            still = and_(history.c.user_id == user_id, history.c.channel_id.in_(of_team), history.c.leave_time == 0)
            await changed(tx, history.update().where(still).values(leave_time=self.now()))

    async def enter(
        self, channel: Channel, user: User, *, admin: bool = False, requestor_id: str = ""
    ) -> ChannelMember:
        """Take a user into a channel and tell of it, for the domains of this package; nothing is checked."""
        async with self.db.transaction():
            member = await self.insert(channel, user, admin=admin)
            actor = await self.users.get(requestor_id) if requestor_id else None
            self.notify("UserHasJoinedChannel", channel_member=member, actor=actor)
            data = {"user_id": user.id, "team_id": channel.team_id}
            self.publish("user_added", data, WebsocketBroadcast(channel_id=channel.id))
        return member

    async def insert(self, channel: Channel, user: User, *, admin: bool = False) -> ChannelMember:
        """Store a membership, for the domains of this package; what was posted before counts as read."""
        now, guest = self.now(), is_guest(user)
        member = ChannelMember(
            channel_id=channel.id, user_id=user.id, scheme_guest=guest, scheme_user=not guest, scheme_admin=admin,
            notify_props=dict(DEFAULT_NOTIFY_PROPS), last_update_at=now, msg_count=channel.total_msg_count,
            msg_count_root=channel.total_msg_count_root, last_viewed_at=channel.last_post_at,
        )  # fmt: skip
        async with self.db.transaction() as tx:
            await insert(tx, table, to_row(member, table))
            visit = and_(history.c.channel_id == channel.id, history.c.user_id == user.id, history.c.join_time == now)
            await changed(tx, history.delete().where(visit))
            row = {"channel_id": channel.id, "user_id": user.id, "join_time": now, "leave_time": 0}
            await insert(tx, history, row)
        return with_all_roles(member)

    async def get(self, channel_id: str, user_id: str) -> ChannelMember:
        """One membership.

        Raises:
            AppFailure: 404.
        """
        return with_all_roles(await self._required(channel_id, user_id))

    async def of_channel(self, channel_id: str, page: int = 0, per_page: int = 60) -> list[ChannelMember]:
        """A page of a channel's members."""
        return await self._page(table.c.channel_id == channel_id, table.c.user_id, page, per_page)

    async def by_ids(self, channel_id: str, user_ids: Sequence[str]) -> list[ChannelMember]:
        """The memberships of those of these users that are in a channel."""
        found = and_(table.c.channel_id == channel_id, table.c.user_id.in_(user_ids))
        return await self._page(found, table.c.user_id, 0, len(user_ids))

    async def of_user(self, user_id: str, page: int = 0, per_page: int = 60) -> list[ChannelMember]:
        """A page of a user's memberships, in channels of any team and of none."""
        return await self._page(table.c.user_id == user_id, table.c.channel_id, page, per_page)

    async def of_user_in_team(self, team_id: str, user_id: str) -> list[ChannelMember]:
        """A user's memberships in the channels of a team, and in those without one; archived ones are left out."""
        places = select(channels.c.id).where(channels.c.team_id.in_(("", team_id)), channels.c.delete_at == 0)
        mine = and_(table.c.user_id == user_id, table.c.channel_id.in_(places))
        query = select(table).where(mine).order_by(table.c.channel_id)
        async with self.db.reading() as tx:
            return [with_all_roles(member) for member in await many(tx, ChannelMember, query)]

    async def set_roles(self, channel_id: str, user_id: str, roles: str) -> ChannelMember:
        """Replace a member's roles; returns the member.

        Raises:
            AppFailure: 404, no such member; 400, these roles do not go together, or one does not exist.
        """
        async with self.db.transaction():
            new = with_new_roles(await self._required(channel_id, user_id), roles)
            await self.roles.check_assignable(new.roles.split(), "channel")
            return await self._store(new)

    async def set_notify_props(self, channel_id: str, user_id: str, props: Mapping[str, str]) -> ChannelMember:
        """Change some of a member's notifications; unknown ones are left out. Returns the member.

        Raises:
            AppFailure: 404, no such member; 400, a value that cannot be.
        """
        known = known_props(props)
        async with self.db.transaction():
            old = await self._required(channel_id, user_id)
            return await self._store(replace(old, notify_props=old.notify_props | known))

    async def patch_notify_props(self, members: Sequence[tuple[str, str]], props: Mapping[str, str]) -> None:
        """Change the same notifications of many members, given as pairs of channel and user: of all, or of none.

        Raises:
            AppFailure: 404, one is no member; 400, a value that cannot be, or too many members.
        """
        if len(members) > PATCH_MAX:
            raise invalid(
                "app.channel.patch_channel_members_notify_props.too_many",
                f"No more than {PATCH_MAX} members at once.",
                where="PatchChannelMembersNotifyProps",
            )
        async with self.db.transaction():
            for channel_id, user_id in members:
                await self.set_notify_props(channel_id, user_id, props)

    async def _check_may_join(self, channel: Channel, user: User) -> None:
        where = "AddUserToChannel"
        if user.delete_at:
            raise forbidden("app.channel.add_member.deleted_user.app_error", "The user is deactivated.", where=where)
        if channel.type not in TEAM_TYPES:
            raise invalid(
                "api.channel.add_user_to_channel.type.app_error", "Nobody is added to such a channel.", where=where
            )
        if channel.delete_at:
            raise invalid("api.channel.add_user_to_channel.deleted.app_error", "It is archived.", where=where)
        if channel.group_constrained and not user.is_bot and not await self._is_entitled(channel, user):
            raise invalid("api.channel.add_members.user_denied", "None of its groups has the user.", where=where)
        if (await self.team_members.get(channel.team_id, user.id)).delete_at:
            raise invalid(
                "api.channel.add_user.to.channel.failed.deleted.app_error", "The user has left the team.", where=where
            )

    async def _check_may_leave(self, channel: Channel, user: User) -> None:
        if channel.type not in TEAM_TYPES:
            raise _stays("direct", "Nobody leaves such a channel.")
        if channel.name == TOWN_SQUARE and not is_guest(user):
            raise _stays("default", "Nobody but guests leaves this channel.")
        count = select(func.count()).where(table.c.channel_id == channel.id)
        async with self.db.reading() as tx:
            if channel.type == "P" and int(await scalar(tx, count)) == 1:
                raise _stays("last_member", "The last one in a private channel stays.")

    async def _is_entitled(self, channel: Channel, user: User) -> bool:
        return await self.group_syncables.admits(channel.id, user.id)

    async def _leave(self, channel: Channel, member: ChannelMember, remover_id: str) -> None:
        user_id = member.user_id
        async with self.db.transaction() as tx:
            await changed(tx, table.delete().where(_is(channel.id, user_id)))
            still = and_(history.c.channel_id == channel.id, history.c.user_id == user_id, history.c.leave_time == 0)
            await changed(tx, history.update().where(still).values(leave_time=self.now()))
            actor = await self.users.get(remover_id) if remover_id else None
            self.notify("UserHasLeftChannel", channel_member=with_all_roles(member), actor=actor)
            who = {"remover_id": remover_id}
            self.publish("user_removed", who | {"user_id": user_id}, WebsocketBroadcast(channel_id=channel.id))
            # Who is gone gets no events of the channel any more, hence another one.
            self.publish("user_removed", who | {"channel_id": channel.id}, WebsocketBroadcast(user_id=user_id))

    async def _store(self, member: ChannelMember) -> ChannelMember:
        new = replace(member, last_update_at=self.now())
        shown = with_all_roles(new)
        async with self.db.transaction() as tx:
            mine = _is(new.channel_id, new.user_id)
            await changed(tx, table.update().where(mine).values(to_row(new, table)))
            data = {"channelMember": shown}
            self.publish("channel_member_updated", data, WebsocketBroadcast(user_id=new.user_id))
        return shown

    async def _required(self, channel_id: str, user_id: str) -> ChannelMember:
        member = await self._find(channel_id, user_id)
        if member is None:
            raise not_found(
                "app.channel.get_member.missing.app_error", "member of this channel", where="GetChannelMember"
            )
        return member

    async def _find(self, channel_id: str, user_id: str) -> ChannelMember | None:
        async with self.db.reading() as tx:
            return await one(tx, ChannelMember, select(table).where(_is(channel_id, user_id)))

    async def _page(
        self, condition: ColumnElement[bool], order: ColumnElement[Any], page: int, per_page: int
    ) -> list[ChannelMember]:
        query = paged(select(table).where(condition).order_by(order), page, per_page)
        async with self.db.reading() as tx:
            return [with_all_roles(member) for member in await many(tx, ChannelMember, query)]


def _is(channel_id: str, user_id: str) -> ColumnElement[bool]:
    return and_(table.c.channel_id == channel_id, table.c.user_id == user_id)


def _stays(reason: str, text: str) -> AppFailure:
    return invalid(f"api.channel.leave.{reason}.app_error", text, where="LeaveChannel")
