"""Roles, each a name for what it permits."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, select, true

from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.people.default_roles import DEFAULT_ROLES, is_of_scope
from servehttp.workspace.errors import invalid, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many
from servehttp.workspace.store.tables.roles import roles as table


@dataclass(frozen=True)
class Role:
    """A role: its name, and the permissions that it gives."""

    id: str
    name: str
    display_name: str
    description: str
    create_at: int
    update_at: int
    delete_at: int
    permissions: list[str]
    scheme_managed: bool
    built_in: bool


class Roles(Domain):
    """Roles."""

    async def seed(self) -> None:
        """Make the roles that every workspace has; one that nobody has changed permits what it does by default."""
        async with self.db.transaction() as tx:
            known = {role.name: role for role in await many(tx, Role, select(table))}
            for name in sorted(DEFAULT_ROLES.keys() - known.keys()):
                await insert(tx, table, self._row(name, DEFAULT_ROLES[name]))
            for name in sorted(DEFAULT_ROLES.keys() & known.keys()):
                if known[name].update_at == known[name].create_at:
                    values = {"permissions": DEFAULT_ROLES[name]}
                    await changed(tx, table.update().where(table.c.name == name).values(values))

    async def all(self) -> list[Role]:
        """Every role, by name."""
        return await self._find(true())

    async def get(self, role_id: str) -> Role:
        """One role.

        Raises:
            AppFailure: 404.
        """
        return await self._one(table.c.id == role_id)

    async def by_name(self, name: str) -> Role:
        """The role of a name.

        Raises:
            AppFailure: 404.
        """
        return await self._one(table.c.name == name)

    async def by_names(self, names: Collection[str]) -> list[Role]:
        """Those of these roles that exist."""
        return await self._find(table.c.name.in_(names))

    async def set_permissions(self, role_id: str, permissions: Collection[str]) -> Role:
        """Replace what a role permits; returns the role.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction() as tx:
            role = replace(await self.get(role_id), permissions=sorted(set(permissions)), update_at=self.now())
            values = {"permissions": role.permissions, "update_at": role.update_at}
            await changed(tx, table.update().where(table.c.id == role_id).values(values))
            self.publish("role_updated", {"role": role})
        return role

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

    async def check_assignable(self, names: Iterable[str], scope: str) -> None:
        """Accept roles that are to be given in a scope: "system", "team" or "channel".

        Raises:
            AppFailure: 400, there is no role of one of these names, or it belongs to another scope.
        """
        names = list(names)
        await self.check_exist(names)
        foreign = sorted(name for name in names if not is_of_scope(name, scope))
        if foreign:
            raise invalid(
                "api.roles.other_scope.app_error",
                f"{', '.join(foreign)} cannot be given in the scope {scope}.",
                where="CheckRolesAssignable",
            )

    async def _one(self, condition: ColumnElement[bool]) -> Role:
        for role in await self._find(condition):
            return role
        raise not_found("app.role.get.app_error", "role", where="GetRole")

    async def _find(self, condition: ColumnElement[bool]) -> list[Role]:
        query = select(table).where(condition, table.c.delete_at == 0).order_by(table.c.name)
        async with self.db.reading() as tx:
            return await many(tx, Role, query)

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
