"""How columns are made: a table of a model takes name, type and default of each from the model's field."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, LargeBinary, MetaData, Table, Text
from sqlalchemy.sql.schema import SchemaItem
from sqlalchemy.types import TypeEngine

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_TYPES: dict[Any, type[TypeEngine[Any]]] = {str: Text, int: BigInteger, bool: Boolean, bytes: LargeBinary}


def text(name: str, *, key: bool = False, optional: bool = False) -> Column[Any]:
    """A column of text; `key` makes it part of the primary key, `optional` lets it be NULL."""
    return Column(name, Text, primary_key=key, nullable=optional)


def number(name: str, *, key: bool = False) -> Column[Any]:
    """A column of ints of 64 bits."""
    return Column(name, BigInteger, primary_key=key, nullable=False)


def flag(name: str) -> Column[Any]:
    """A column of true or false."""
    return Column(name, Boolean, nullable=False)


def json(name: str) -> Column[Any]:
    """A column of JSON values; None is JSON's null."""
    return Column(name, JSON, nullable=False)


def data(name: str) -> Column[Any]:
    """A column of bytes."""
    return Column(name, LargeBinary, nullable=False)


def table(name: str, *items: SchemaItem) -> Table:
    """A table that has no model."""
    return Table(name, METADATA, *items)


def model_table(name: str, model: type[Any], *items: SchemaItem, key: str = "id", omit: str = "") -> Table:
    """A table of a model.

    Args:
        name: the table's name.
        model: one of the SDK's dataclasses.
        items: further columns and indexes.
        key: the fields of the primary key, with spaces between them.
        omit: fields without a column, with spaces between them.
    """
    hints = get_type_hints(model)
    names = [item.name for item in fields(model) if item.name not in omit.split()]
    columns = [_column(name, hints[name], name in key.split()) for name in names]
    return Table(name, METADATA, *columns, *items)


def index(*columns: str, unique: bool = False) -> Index:
    """An index of the table it is given to."""
    return Index(None, *columns, unique=unique)


def _column(name: str, hint: Any, key: bool) -> Column[Any]:
    choices = getattr(hint, "__args__", ())
    optional = hint is Any or type(None) in choices
    plain = next(kind for kind in choices if kind is not type(None)) if type(None) in choices else hint
    kind = _TYPES.get(plain)
    if kind is None:
        return Column(name, JSON(none_as_null=True), nullable=optional)
    return Column(name, kind, primary_key=key, nullable=optional)
