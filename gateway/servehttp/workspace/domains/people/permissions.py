"""Who may do what: by system roles, by roles in a team, by roles in a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Table, select

from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.people.default_roles import is_of_scope
from servehttp.workspace.errors import AppFailure, forbidden
from servehttp.workspace.store.rows import scalar
from servehttp.workspace.store.tables.channels import channel_members, channels
from servehttp.workspace.store.tables.teams import team_members

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.roles import Roles
    from servehttp.workspace.domains.people.users import Users

ADMINISTRATOR = "manage_system"
"""The permission that makes an administrator."""


class Permissions(Domain):
    """Whether a user has a permission. Nobody has any who is unknown or deactivated, and nothing raises."""

    roles: Roles
    users: Users

    async def has(self, user_id: str, permission: str) -> bool:
        """Everywhere."""
        return await self._granted(await self._system_roles(user_id), permission)

    async def has_in_team(self, user_id: str, team_id: str, permission: str) -> bool:
        """In a team, be it by a role there or everywhere."""
        system = await self._system_roles(user_id)
        return await self._granted(system + (await self._team_roles(user_id, team_id) if system else []), permission)

    async def has_in_channel(self, user_id: str, channel_id: str, permission: str) -> bool:
        """In a channel, be it by a role there, in its team or everywhere."""
        system = await self._system_roles(user_id)
        if not system:
            return False
        async with self.db.reading() as tx:
            team_id = await scalar(tx, select(channels.c.team_id).where(channels.c.id == channel_id))
        there = await self._channel_roles(user_id, channel_id)
        in_team = await self._team_roles(user_id, team_id) if team_id else []
        return await self._granted(system + there + in_team, permission)

    async def is_administrator(self, user_id: str) -> bool:
        """Whether a user, deactivated or not, has a role by which they may do everything."""
        try:
            roles = (await self.users.get(user_id)).roles
        except AppFailure:
            return False
        return await self._granted(roles.split(), ADMINISTRATOR)

    async def grant(self, roles: list[str], permission: str) -> bool:
        """Whether any of these roles permits it."""
        return await self._granted(roles, permission)

    def denied(self, permission: str, where: str = "") -> AppFailure:
        """What a user is told who lacks a permission."""
        return forbidden("api.context.permissions.app_error", f"This needs the permission {permission}.", where=where)

    async def _granted(self, roles: list[str], permission: str) -> bool:
        return permission in await self.roles.permissions(roles)

    async def _system_roles(self, user_id: str) -> list[str]:
        try:
            user = await self.users.get(user_id)
        except AppFailure:
            return []
        return [] if user.delete_at else user.roles.split()

    async def _team_roles(self, user_id: str, team_id: str) -> list[str]:
        row = await self._member(team_members, team_members.c.team_id == team_id, user_id)
        return _roles(row, "team") if row is not None and not row.delete_at else []

    async def _channel_roles(self, user_id: str, channel_id: str) -> list[str]:
        row = await self._member(channel_members, channel_members.c.channel_id == channel_id, user_id)
        return _roles(row, "channel") if row is not None else []

    async def _member(self, table: Table, place: Any, user_id: str) -> Row[Any] | None:
        async with self.db.reading() as tx:
            return (await tx.execute(select(table).where(place, table.c.user_id == user_id))).first()


def _roles(row: Row[Any], scope: str) -> list[str]:
    """A member's roles: those named, and those that the flags stand for."""
    flags = {"guest": row.scheme_guest, "user": row.scheme_user, "admin": row.scheme_admin}
    named = [role for role in row.roles.split() if is_of_scope(role, scope)]
    return named + [f"{scope}_{name}" for name, is_set in flags.items() if is_set]
