"""Values of properties: what things have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from mattermost_plugin.models import PropertyValue
from servehttp.workspace.domains.properties.property_items import PropertyItems
from servehttp.workspace.errors import AppFailure, exists, invalid
from servehttp.workspace.ids import is_id, new_id
from servehttp.workspace.store.rows import insert, one, to_row
from servehttp.workspace.store.tables.properties import property_values
from servehttp.workspace.validation import check_length

if TYPE_CHECKING:
    from servehttp.workspace.domains.properties.property_fields import PropertyFields

TEXT_MAX = 255
"""Characters of a target's id and of its type."""


class PropertyValues(PropertyItems[PropertyValue]):
    """Values. A target has one of each field."""

    property_fields: PropertyFields

    table = property_values
    what = "property_value"
    _model = PropertyValue

    async def create(self, value: PropertyValue) -> PropertyValue:
        """Give a target a value; returns it with its id and times.

        Raises:
            AppFailure: 404, the group has no such field; 400, something is missing or malformed, or there is one.
        """
        _check(value)
        async with self.db.transaction():
            if await self._same(value) is not None:
                raise exists("app.property_value.create.app_error", "The target has a value of this field.")
            return await self._insert(value)

    async def update(self, group_id: str, values: Sequence[PropertyValue]) -> list[PropertyValue]:
        """Store values as given, all or none; returns what is stored.

        Raises:
            AppFailure: 404, one is in no such group; 400, something is malformed.
        """
        async with self.db.transaction():
            return [await self._replace(await self.get(group_id, value.id), value) for value in values]

    async def upsert(self, values: Sequence[PropertyValue]) -> list[PropertyValue]:
        """Give targets values instead of those of the same fields, all or none; returns what is stored.

        Raises:
            AppFailure: 404, a group has no such field; 400, something is missing or malformed.
        """
        async with self.db.transaction():
            return [await self._upsert(value) for value in values]

    async def delete(self, group_id: str, value_id: str) -> None:
        """Delete a value.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction():
            await self.get(group_id, value_id)
            await self.mark_deleted(id=value_id)

    async def delete_of_field(self, group_id: str, field_id: str) -> None:
        """Delete all values of a field.

        Raises:
            AppFailure: 404, there is no such field in the group.
        """
        async with self.db.transaction():
            await self.property_fields.get(group_id, field_id)
            await self.mark_deleted(field_id=field_id)

    async def delete_of_target(self, group_id: str, target_type: str, target_id: str) -> None:
        """Delete all values that a target has of a group; an empty `group_id` is any group.

        Raises:
            AppFailure: 400, no target is named.
        """
        if not target_id:
            raise _malformed("target_id")
        await self.mark_deleted(group_id=group_id, target_type=target_type, target_id=target_id)

    async def _upsert(self, value: PropertyValue) -> PropertyValue:
        _check(value)
        old = await self._same(value)
        return await self._insert(value) if old is None else await self._replace(old, value)

    async def _insert(self, value: PropertyValue) -> PropertyValue:
        await self.property_fields.get(value.group_id, value.field_id)
        now = self.now()
        made = replace(value, id=new_id(), create_at=now, update_at=now, delete_at=0)
        async with self.db.transaction() as tx:
            await insert(tx, self.table, to_row(made, self.table))
        return made

    async def _replace(self, old: PropertyValue, value: PropertyValue) -> PropertyValue:
        new = replace(old, value=value.value, update_at=self.now(), delete_at=value.delete_at)
        await self._store(new)
        return new

    async def _same(self, value: PropertyValue) -> PropertyValue | None:
        same = {name: getattr(value, name) for name in ("group_id", "target_id", "field_id")}
        async with self.db.reading() as tx:
            return await one(tx, PropertyValue, select(self.table).where(*self._where(same, False)))


def _check(value: PropertyValue) -> None:
    for name in ("group_id", "field_id"):
        if not is_id(getattr(value, name)):
            raise _malformed(name)
    for name in ("target_id", "target_type"):
        if not getattr(value, name):
            raise _malformed(name)
        check_length(getattr(value, name), TEXT_MAX, _malformed(name))


def _malformed(name: str) -> AppFailure:
    return invalid(
        "model.property_value.is_valid.app_error",
        f"The {name} of the value is missing or malformed.",
        where="PropertyValue.IsValid",
        FieldName=name,
    )
