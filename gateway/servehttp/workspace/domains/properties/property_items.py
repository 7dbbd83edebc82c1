"""What fields and values of properties have in common: rows of a group, which are marked as deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from sqlalchemy import ColumnElement, Table, func, select

from mattermost_plugin.models import PropertyField, PropertyValue
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import invalid, not_found
from servehttp.workspace.store.rows import changed, many, one, paged, scalar, to_row

ItemT = TypeVar("ItemT", PropertyField, PropertyValue)


class PropertyItems(Domain, Generic[ItemT]):
    """Rows of a group. Wherever a group's id is given, an item of another group does not exist."""

    table: ClassVar[Table]
    what: ClassVar[str]
    """As in Mattermost's error ids: "property_field"."""
    _model: type[ItemT]

    async def get(self, group_id: str, item_id: str) -> ItemT:
        """One of them, deleted or not; an empty `group_id` is any group.

        Raises:
            AppFailure: 404.
        """
        query = select(self.table).where(self.table.c.id == item_id, *self._where({"group_id": group_id}))
        async with self.db.reading() as tx:
            item = await one(tx, self._model, query)
        if item is None:
            raise not_found(f"app.{self.what}.get.app_error", self.what.replace("_", " "))
        return item

    async def by_ids(self, group_id: str, item_ids: Sequence[str]) -> list[ItemT]:
        """All of these.

        Raises:
            AppFailure: 404, one of them does not exist.
        """
        query = select(self.table).where(self.table.c.id.in_(item_ids), *self._where({"group_id": group_id}))
        async with self.db.reading() as tx:
            found = {item.id: item for item in await many(tx, self._model, query)}
        if missing := [id for id in item_ids if id not in found]:
            detail = f"ids={','.join(missing)}"
            raise not_found(f"app.{self.what}.get_many.app_error", self.what.replace("_", " "), detail=detail)
        return [found[id] for id in item_ids]

    async def search(
        self, wanted: Mapping[str, str], *, include_deleted: bool = False, page: int = 0, per_page: int = 60
    ) -> list[ItemT]:
        """A page of those that meet conditions, in the order in which they were made.

        Args:
            wanted: values by name of a column; an empty one is no condition.
            include_deleted: also those that are deleted.
            page: counted from 0.
            per_page: how many.

        Raises:
            AppFailure: 400, `per_page` is not positive.
        """
        if per_page <= 0:
            raise invalid(f"app.{self.what}.search.app_error", "per_page has to be positive.")
        query = select(self.table).where(*self._where(wanted, include_deleted))
        query = query.order_by(self.table.c.create_at, self.table.c.id)
        async with self.db.reading() as tx:
            return await many(tx, self._model, paged(query, page, per_page))

    async def count(self, wanted: Mapping[str, str], *, include_deleted: bool = False) -> int:
        """How many meet conditions, as in `search`."""
        query = select(func.count()).select_from(self.table).where(*self._where(wanted, include_deleted))
        async with self.db.reading() as tx:
            return int(await scalar(tx, query))

    async def mark_deleted(self, **wanted: str) -> int:
        """Delete those that meet conditions, as in `search`; returns how many."""
        now = self.now()
        statement = self.table.update().where(*self._where(wanted)).values(delete_at=now, update_at=now)
        async with self.db.transaction() as tx:
            return await changed(tx, statement)

    async def _store(self, item: ItemT) -> None:
        statement = self.table.update().where(self.table.c.id == item.id).values(to_row(item, self.table))
        async with self.db.transaction() as tx:
            await changed(tx, statement)

    def _where(self, wanted: Mapping[str, str], include_deleted: bool = True) -> list[ColumnElement[bool]]:
        kept = [] if include_deleted else [self.table.c.delete_at == 0]
        return kept + [self.table.c[name] == value for name, value in wanted.items() if value]
