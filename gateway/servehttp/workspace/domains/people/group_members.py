"""Who is in which group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import and_, select

from mattermost_plugin.models import GroupMember, User, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.people.user_filters import UserFilter
from servehttp.workspace.errors import invalid, not_found
from servehttp.workspace.store.rows import changed, insert, one, to_row
from servehttp.workspace.store.tables.groups import group_members as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.groups import Groups
    from servehttp.workspace.domains.people.users import Users


class GroupMembers(Domain):
    """Memberships in groups. Who is removed from one remains on record, with `delete_at`."""

    groups: Groups
    users: Users

    async def add(self, group_id: str, user_id: str) -> GroupMember:
        """Take a user into a group; one who is in it stays as before. Returns the membership.

        Raises:
            AppFailure: 404, there is no such group; 400, there is no such user, or it is deactivated.
        """
        [member] = await self.add_all(group_id, [user_id])
        return member

    async def add_all(self, group_id: str, user_ids: Sequence[str]) -> list[GroupMember]:
        """Take users into a group: all, or none. Returns the memberships.

        Raises:
            AppFailure: 404, there is no such group; 400, one of the users does not exist, or is deactivated.
        """
        async with self.db.transaction():
            await self.groups.get(group_id)
            active = {user.id for user in await self.users.by_ids(user_ids) if not user.delete_at}
            for user_id in user_ids:
                if user_id not in active:
                    raise invalid(
                        "app.group.user_not_found",
                        "There is no such user.",
                        where="UpsertGroupMembers",
                        Username=user_id,
                    )
            return [await self._add(group_id, user_id) for user_id in user_ids]

    async def remove(self, group_id: str, user_id: str) -> GroupMember:
        """Take a user out of a group; returns the membership that was.

        Raises:
            AppFailure: 404, the user is not in the group.
        """
        async with self.db.transaction():
            member = await self._find(group_id, user_id)
            if member is None or member.delete_at:
                raise not_found("app.group.no_rows", "member of this group", where="DeleteGroupMember")
            return await self._store(replace(member, delete_at=self.now()), "group_member_deleted")

    async def active(self, group_id: str, page: int = 0, per_page: int = 60) -> list[User]:
        """A page of the active users in a group, by their names.

        Raises:
            AppFailure: 404, there is no such group.
        """
        async with self.db.reading():
            await self.groups.get(group_id)
            wanted = UserFilter(in_group_id=group_id, active=True)
            return await self.users.find(wanted, page=page, per_page=per_page)

    async def _add(self, group_id: str, user_id: str) -> GroupMember:
        present = await self._find(group_id, user_id)
        if present is not None and not present.delete_at:
            return present
        member = GroupMember(group_id=group_id, user_id=user_id, create_at=self.now())
        return await self._store(member, "group_member_add")

    async def _store(self, member: GroupMember, event: str) -> GroupMember:
        async with self.db.transaction() as tx:
            mine = and_(table.c.group_id == member.group_id, table.c.user_id == member.user_id)
            await changed(tx, table.delete().where(mine))
            await insert(tx, table, to_row(member, table))
            self.publish(event, {"group_member": member}, WebsocketBroadcast(user_id=member.user_id))
        return member

    async def _find(self, group_id: str, user_id: str) -> GroupMember | None:
        query = select(table).where(table.c.group_id == group_id, table.c.user_id == user_id)
        async with self.db.reading() as tx:
            return await one(tx, GroupMember, query)
