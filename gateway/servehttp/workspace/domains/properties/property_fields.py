"""Fields of properties: what things can have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from mattermost_plugin.models import PropertyField
from servehttp.workspace.domains.properties.property_items import PropertyItems
from servehttp.workspace.errors import AppFailure, exists, invalid, not_found
from servehttp.workspace.ids import is_id, new_id
from servehttp.workspace.store.rows import insert, one, scalar, to_row
from servehttp.workspace.store.tables.properties import property_fields
from servehttp.workspace.validation import check_length

if TYPE_CHECKING:
    from servehttp.workspace.domains.properties.property_values import PropertyValues

TYPES = frozenset({"text", "select", "multiselect", "date", "user", "multiuser"})
TEXT_MAX = 255
"""Characters of a name, of a target's id and of its type."""


class PropertyFields(PropertyItems[PropertyField]):
    """Fields. In a group no two of one target have the same name."""

    property_values: PropertyValues

    table = property_fields
    what = "property_field"
    _model = PropertyField

    async def create(self, field: PropertyField) -> PropertyField:
        """Define a field; returns it with its id and times.

        Raises:
            AppFailure: 400, something is missing or malformed, or the name is taken.
        """
        now = self.now()
        made = replace(field, id=new_id(), create_at=now, update_at=now, delete_at=0)
        _check(made)
        async with self.db.transaction() as tx:
            await self._check_free(made)
            await insert(tx, self.table, to_row(made, self.table))
        return made

    async def get_by_name(self, group_id: str, target_id: str, name: str) -> PropertyField:
        """The field of a name; an empty `target_id` is that of the whole group.

        Raises:
            AppFailure: 404.
        """
        query = select(self.table).where(
            self.table.c.target_id == target_id, *self._where({"group_id": group_id, "name": name}, False)
        )
        async with self.db.reading() as tx:
            field = await one(tx, PropertyField, query)
        if field is None:
            raise not_found("app.property_field.get_by_name.app_error", "property field")
        return field

    async def update(self, group_id: str, fields: Sequence[PropertyField]) -> list[PropertyField]:
        """Store fields as given, all or none; returns what is stored.

        Raises:
            AppFailure: 404, one is in no such group; 400, something is malformed, or a name is taken.
        """
        async with self.db.transaction():
            return [await self._update(group_id, field) for field in fields]

    async def delete(self, group_id: str, field_id: str) -> None:
        """Delete a field, and all its values.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction():
            await self.get(group_id, field_id)
            await self.property_values.mark_deleted(field_id=field_id)
            await self.mark_deleted(id=field_id)

    async def _update(self, group_id: str, field: PropertyField) -> PropertyField:
        old = await self.get(group_id, field.id)
        new = replace(field, group_id=old.group_id, create_at=old.create_at, update_at=self.now())
        _check(new)
        await self._check_free(new)
        await self._store(new)
        return new

    async def _check_free(self, field: PropertyField) -> None:
        same = self._where({"group_id": field.group_id, "name": field.name}, False)
        query = select(self.table.c.id).where(
            self.table.c.target_id == field.target_id, self.table.c.id != field.id, *same
        )
        async with self.db.reading() as tx:
            if await scalar(tx, query) is not None:
                raise exists("app.property_field.name_exists.app_error", "There is a field of this name.")


def _check(field: PropertyField) -> None:
    if not is_id(field.group_id):
        raise _malformed("group_id")
    if not field.name:
        raise _malformed("name")
    if field.type not in TYPES:
        raise _malformed("type")
    for name in ("name", "target_id", "target_type"):
        check_length(getattr(field, name), TEXT_MAX, _malformed(name))


def _malformed(name: str) -> AppFailure:
    return invalid(
        "model.property_field.is_valid.app_error",
        f"The {name} of the field is missing or malformed.",
        where="PropertyField.IsValid",
        FieldName=name,
    )
