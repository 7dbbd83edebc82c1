"""Roles, each a name for what it permits."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from servehttp.host.errors import invalid
from servehttp.host.ids import new_id
from servehttp.host.store.rows import insert
from servehttp.host.store.tables.roles import roles as table
from servehttp.host.workspace.default_roles import DEFAULT_ROLES
from servehttp.host.workspace.domain import Domain


class Roles(Domain):
    """Roles."""

    async def seed(self) -> None:
        """Make those of the roles that every workspace has that are not there yet."""
        async with self.db.transaction() as tx:
            known = set((await tx.execute(select(table.c.name))).scalars())
            for name in sorted(DEFAULT_ROLES.keys() - known):
                await insert(tx, table, self._row(name, DEFAULT_ROLES[name]))

    async def permissions(self, names: Iterable[str]) -> frozenset[str]:
        """What any of these roles permits; unknown ones permit nothing."""
        query = select(table.c.permissions).where(table.c.name.in_(list(names)), table.c.delete_at == 0)
        async with self.db.reading() as tx:
            found = (await tx.execute(query)).scalars().all()
        return frozenset(permission for permissions in found for permission in permissions)

    async def check_exist(self, names: Iterable[str]) -> None:
        """Accept names of roles.

        Raises:
            AppFailure: 400, there is no role of one of these names.
        """
        wanted = set(names)
        query = select(table.c.name).where(table.c.name.in_(wanted), table.c.delete_at == 0)
        async with self.db.reading() as tx:
            missing = wanted - set((await tx.execute(query)).scalars())
        if missing:
            raise invalid(
                "app.role.check_roles_exist.role_not_found",
                f"There is no role {', '.join(sorted(missing))}.",
                where="CheckRolesExist",
            )

    def _row(self, name: str, permissions: list[str]) -> dict[str, object]:
        now = self.now()
        return {
            "id": new_id(),
            "name": name,
            "display_name": name.replace("_", " ").capitalize(),
            "description": "",
            "create_at": now,
            "update_at": now,
            "delete_at": 0,
            "permissions": permissions,
            "scheme_managed": True,
            "built_in": True,
        }
