"""Transactions: all or nothing, one writer at a time, and one inside another is part of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from servehttp.workspace.store.database import Database, Timeouts
from servehttp.workspace.store.migrations import migrate
from servehttp.workspace.store.rows import insert, scalar
from servehttp.workspace.store.sqlite import connect_sqlite
from servehttp.workspace.store.tables.system import system
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path, database_url: str) -> AsyncIterator[Database]:
    database = Database.open(database_url or f"sqlite:///{tmp_path / 'test.db'}", Timeouts())
    await migrate(database)
    yield database
    await database.close()


async def put(database: Database, name: str, value: str = "") -> None:
    async with database.transaction() as tx:
        await insert(tx, system, {"name": name, "value": value})


async def names(database: Database) -> list[str]:
    async with database.reading() as tx:
        return list((await tx.execute(select(system.c.name).order_by(system.c.name))).scalars())


async def test_what_a_transaction_wrote_is_there_once_it_ends(database: Database) -> None:
    await put(database, "a")
    assert await names(database) == ["a"]


async def test_a_transaction_that_raises_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(LookupError):
        async with database.transaction():
            await put(database, "a")
            raise LookupError
    assert await names(database) == []


async def test_a_transaction_within_another_is_part_of_it_and_reads_what_it_wrote(database: Database) -> None:
    async with database.transaction():
        await put(database, "a")
        assert await names(database) == ["a"]


async def test_a_part_that_raises_takes_back_only_what_it_did(database: Database) -> None:
    happened: list[str] = []
    async with database.transaction():
        await put(database, "a")
        with pytest.raises(LookupError):
            async with database.transaction():
                database.after_commit(lambda: happened.append("b"))
                await put(database, "b")
                raise LookupError
    assert await names(database) == ["a"]
    assert happened == []


async def test_a_task_started_in_a_transaction_is_not_part_of_it(database: Database) -> None:
    async with database.transaction():
        await put(database, "a")
        assert await asyncio.create_task(names(database)) == []


async def test_a_reading_block_cannot_be_written_in(database: Database) -> None:
    async with database.reading():
        with pytest.raises(RuntimeError, match="cannot be written in"):
            await put(database, "a")


async def test_writers_take_turns_so_that_no_increment_is_lost(database: Database) -> None:
    await put(database, "count", "0")

    async def increment() -> None:
        async with database.transaction() as tx:
            count = int(await scalar(tx, select(system.c.value).where(system.c.name == "count")))
            await tx.execute(system.update().where(system.c.name == "count").values(value=str(count + 1)))

    await asyncio.gather(*(increment() for _ in range(20)))
    async with database.reading() as tx:
        assert await scalar(tx, select(system.c.value).where(system.c.name == "count")) == "20"


async def test_writers_of_two_connections_to_one_database_take_turns_too(
    database: Database, tmp_path: Path, database_url: str
) -> None:
    other = Database.open(database_url or f"sqlite:///{tmp_path / 'test.db'}", Timeouts())
    async with database.transaction():
        second = asyncio.create_task(put(other, "b"))
        await put(database, "a")
        assert not second.done()
    await second
    assert await names(database) == ["a", "b"]
    await other.close()


async def test_what_follows_a_commit_happens_after_it_and_not_after_a_roll_back(database: Database) -> None:
    happened: list[str] = []
    async with database.transaction():
        database.after_commit(lambda: happened.append("committed"))
        assert happened == []
    with pytest.raises(LookupError):
        async with database.transaction():
            database.after_commit(lambda: happened.append("rolled back"))
            raise LookupError
    database.after_commit(lambda: happened.append("at once"))
    assert happened == ["committed", "at once"]


async def test_a_connection_that_is_stopped_while_it_is_closed_comes_to_its_end() -> None:
    connection = await connect_sqlite(":memory:")
    connection.stop()  # as SQLAlchemy does when whoever waits for the close is cancelled
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(ValueError, match="Connection closed"):
            await connection.close()
