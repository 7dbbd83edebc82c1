"""Work that one gateway does at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from servehttp.workspace.store.alone import run_alone
from servehttp.workspace.store.database import Database, Timeouts
from servehttp.workspace.store.outages import StoreUnavailable
from support.patience import PATIENCE
from support.workspaces import SERVER

pytestmark = pytest.mark.anyio
needs_server = pytest.mark.skipif(not SERVER, reason="no PostgreSQL server: see --postgres")

HERE = "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
"""Locks of the one database: other tests have others of the same server."""
CUT = f"SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE {HERE} AND pid <> pg_backend_pid()"

HEARD = (
    f"SELECT count(*) FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE {HERE}) "
    "AND query = 'SELECT 1' AND query_start > xact_start + interval '1 second'"
)
"""Whether who has the lock was heard of, long after its transaction began."""


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    database = Database.open(SERVER, Timeouts(transaction=0.6))
    yield database
    await database.close()


async def nothing() -> None:
    """Work that ends at once."""


async def test_one_gateway_on_sqlite_does_all_work_itself(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'test.db'}", Timeouts())
    assert await run_alone(database, "work", nothing())
    await database.close()


@needs_server
async def test_what_another_gateway_of_a_server_does_is_left_to_it(database: Database) -> None:
    other = Database.open(SERVER, Timeouts())

    async def work() -> None:
        assert not await run_alone(other, "work", nothing())
        assert await run_alone(other, "other work", nothing())

    assert await run_alone(database, "work", work())
    assert await run_alone(other, "work", nothing())
    await other.close()


@needs_server
async def test_work_may_take_longer_than_the_server_waits_for_a_transaction(database: Database) -> None:
    async def work() -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                async with database.reading() as tx:
                    if (await tx.execute(text(HEARD))).scalar_one():
                        return

    assert await run_alone(database, "work", work())


@needs_server
async def test_a_gateway_whose_connection_a_server_ends_stops_the_work_and_another_does_it(database: Database) -> None:
    other = Database.open(SERVER, Timeouts())
    stopped = asyncio.Event()

    async def work() -> None:
        async with other.reading() as tx:
            assert (await tx.execute(text(CUT))).scalar_one() == 1
        assert await run_alone(other, "work", nothing())
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with asyncio.timeout(PATIENCE):
        with pytest.raises(StoreUnavailable):
            await run_alone(database, "work", work())
    assert stopped.is_set()
    await other.close()
