"""Between rows and the SDK's models, by the names of columns and fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar, get_type_hints

from sqlalchemy import Delete, Row, Select, Table, Update
from sqlalchemy.ext.asyncio import AsyncConnection


class Model(Protocol):
    """One of the SDK's dataclasses."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


ModelT = TypeVar("ModelT", bound=Model)


def to_row(model: Model, table: Table, **more: Any) -> dict[str, Any]:
    """The values of a model that the table has columns for, and `more` instead of or beside them."""
    return {name: _plain(getattr(model, name)) for name in _shared(type(model), table)} | more


def to_model(kind: type[ModelT], row: Row[Any]) -> ModelT:
    """The model of a row; fields without a column keep their defaults."""
    names = _field_names(kind)
    values = {name: value for name, value in row._mapping.items() if name in names}
    for name, nested in _nested(kind).items():
        if isinstance(values.get(name), dict):
            values[name] = nested(**values[name])
    return kind(**values)


async def one(connection: AsyncConnection, kind: type[ModelT], query: Select[Any]) -> ModelT | None:
    """The first row's model, or None."""
    row = (await connection.execute(query)).first()
    return None if row is None else to_model(kind, row)


async def many(connection: AsyncConnection, kind: type[ModelT], query: Select[Any]) -> list[ModelT]:
    """The models of all rows."""
    return [to_model(kind, row) for row in await connection.execute(query)]


async def scalar(connection: AsyncConnection, query: Select[Any]) -> Any:
    """The first column of the first row, or None."""
    return (await connection.execute(query)).scalar()


async def insert(connection: AsyncConnection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert one row."""
    await connection.execute(table.insert().values(values))


async def changed(connection: AsyncConnection, statement: Update | Delete) -> int:
    """Run an update or a delete; returns how many rows it changed."""
    return (await connection.execute(statement)).rowcount


def paged(query: Select[Any], page: int, per_page: int) -> Select[Any]:
    """A page of a query, which has to be ordered; pages count from 0, and what is negative counts as 0."""
    size = max(per_page, 0)
    return query.limit(size).offset(max(page, 0) * size)


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


@cache
def _nested(kind: Any) -> Mapping[str, type[Any]]:
    """The fields that hold one other model or nothing; they are kept as JSON."""
    found: dict[str, type[Any]] = {}
    for name, hint in get_type_hints(kind).items():
        for choice in getattr(hint, "__args__", (hint,)):
            if isinstance(choice, type) and is_dataclass(choice):
                found[name] = choice
    return found


@cache
def _field_names(kind: Any) -> frozenset[str]:
    return frozenset(item.name for item in fields(kind))


@cache
def _shared(kind: Any, table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.name in _field_names(kind))
