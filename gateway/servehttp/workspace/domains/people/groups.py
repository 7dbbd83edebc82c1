"""Groups of users, which can be mentioned, and which fill teams and channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from mattermost_plugin.models import Group, GroupSearchOpts
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.people.group_rules import check_group
from servehttp.workspace.errors import exists, invalid, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, one, paged, scalar, to_row
from servehttp.workspace.store.tables.groups import group_members as members
from servehttp.workspace.store.tables.groups import groups as table
from servehttp.workspace.store.tables.users import users
from servehttp.workspace.validation import check_search


class Groups(Domain):
    """Groups. A deleted one is archived: it is still there for those who know its id, and fills nothing."""

    async def create(self, group: Group) -> Group:
        """Create a group without members.

        Raises:
            AppFailure: 400, a field is malformed, it has an id already, or its name or remote id is taken.
        """
        if group.id:
            raise invalid("app.group.id.app_error", "A new group gets its id here.", where="CreateGroup")
        check_group(group)
        now = self.now()
        made = replace(group, id=new_id(), create_at=now, update_at=now, delete_at=0)
        async with self.db.transaction() as tx:
            await self._check_free(made, "CreateGroup")
            await insert(tx, table, to_row(made, table))
        return made

    async def get(self, group_id: str) -> Group:
        """One group, archived or not.

        Raises:
            AppFailure: 404.
        """
        return await self._one(table.c.id == group_id, "GetGroup")

    async def get_by_name(self, name: str) -> Group:
        """The group of a name, unless it is archived.

        Raises:
            AppFailure: 404.
        """
        return await self._one((table.c.name == name) & (table.c.name != "") & _live(), "GetGroupByName")

    async def get_by_remote_id(self, remote_id: str, source: str) -> Group:
        """The group that its source knows by an id, archived or not.

        Raises:
            AppFailure: 404.
        """
        found = (table.c.remote_id == remote_id) & (table.c.source == source)
        return await self._one(found, "GetGroupByRemoteID")

    async def find(self, opts: GroupSearchOpts, page: int = 0, per_page: int = 60) -> list[Group]:
        """A page of the groups that meet conditions; archived ones only if they are asked for, and then no others."""
        return await self._many(paged(_ordered(select(table).where(*_conditions(opts))), page, per_page))

    async def by_source(self, source: str) -> list[Group]:
        """The groups of a source, without archived ones."""
        return await self._many(_ordered(select(table).where(table.c.source == source, _live())))

    async def of_user(self, user_id: str) -> list[Group]:
        """The groups a user is in, without archived ones."""
        of_user = select(members.c.group_id).where(members.c.user_id == user_id, members.c.delete_at == 0)
        return await self._many(_ordered(select(table).where(table.c.id.in_(of_user), _live())))

    async def update(self, group: Group) -> Group:
        """Store a group as given, but for its times; returns what is stored.

        Raises:
            AppFailure: 404; 400, a field is malformed, or the name or remote id is taken.
        """
        check_group(group)
        async with self.db.transaction():
            old = await self.get(group.id)
            new = replace(group, create_at=old.create_at, delete_at=old.delete_at)
            await self._check_free(new, "UpdateGroup")
            return await self._store(new)

    async def delete(self, group_id: str) -> Group:
        """Archive a group; returns it.

        Raises:
            AppFailure: 404, there is no such group, or it is archived already.
        """
        async with self.db.transaction():
            group = await self._one((table.c.id == group_id) & _live(), "DeleteGroup")
            return await self._store(replace(group, delete_at=self.now()))

    async def restore(self, group_id: str) -> Group:
        """Take a group out of the archive; returns it.

        Raises:
            AppFailure: 404, there is no such group, or it is not archived.
        """
        async with self.db.transaction():
            group = await self._one((table.c.id == group_id) & ~_live(), "RestoreGroup")
            return await self._store(replace(group, delete_at=0))

    async def _check_free(self, group: Group, where: str) -> None:
        others = select(table.c.id).where(table.c.id != group.id)
        names = select(users.c.id).where(users.c.username == group.name)
        same_remote = (table.c.source == group.source) & (table.c.remote_id == group.remote_id)
        async with self.db.reading() as tx:
            if group.name and await scalar(tx, names) is not None:
                raise exists("app.group.username_conflict", "A user has this name.", where=where)
            if group.name and await scalar(tx, others.where(table.c.name == group.name)) is not None:
                raise exists("app.custom_group.unique_name", "A group has this name.", where=where)
            if group.remote_id and await scalar(tx, others.where(same_remote)) is not None:
                raise exists("app.group.uniqueness_error", "A group has this remote id.", where=where)

    async def _store(self, group: Group) -> Group:
        new = replace(group, update_at=self.now())
        async with self.db.transaction() as tx:
            await changed(tx, table.update().where(table.c.id == new.id).values(to_row(new, table)))
            self.publish("received_group", {"group": new})
        return new

    async def _one(self, condition: ColumnElement[bool], where: str) -> Group:
        async with self.db.reading() as tx:
            group = await one(tx, Group, select(table).where(condition))
        if group is None:
            raise not_found("app.group.no_rows", "group", where=where)
        return group

    async def _many(self, query: Select[Any]) -> list[Group]:
        async with self.db.reading() as tx:
            return await many(tx, Group, query)


def _live() -> ColumnElement[bool]:
    return table.c.delete_at == 0


def _ordered(query: Select[Any]) -> Select[Any]:
    return query.order_by(func.lower(table.c.display_name), table.c.id)


def _conditions(opts: GroupSearchOpts) -> Iterator[ColumnElement[bool]]:
    yield ~_live() if opts.filter_archived else _live()
    if opts.q:
        check_search(opts.q)
        names = (table.c.name, table.c.display_name)
        yield or_(*(func.lower(name).contains(opts.q.lower(), autoescape=True) for name in names))
    if opts.filter_allow_reference == "true":
        yield table.c.allow_reference
    if opts.source:
        yield table.c.source == opts.source
    if opts.filter_has_member:
        yield table.c.id.in_(select(members.c.group_id).where(members.c.delete_at == 0))
