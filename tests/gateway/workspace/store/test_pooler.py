"""PostgreSQL through pgbouncer, where the next transaction has another session."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from servehttp.workspace.store.alone import run_alone
from servehttp.workspace.store.database import Database, Pool, Timeouts
from servehttp.workspace.store.migrations import migrate
from servehttp.workspace.store.outages import StoreUnavailable
from support.databases import create_database, drop_database
from support.pgbouncer import PROGRAM, SESSIONS, pooled
from support.workspaces import SERVER

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not SERVER, reason="no PostgreSQL server: see --postgres"),
    pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed"),
]


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    url = create_database(SERVER, f"pooled_{secrets.token_hex(4)}")
    try:
        async with pooled(url) as through:
            database = Database.open(through, Timeouts(busy=5, transaction=2), Pool(size=10, pooler=True))
            await migrate(database)
            yield database
            await database.close()
    finally:
        drop_database(SERVER, url)


async def backend(database: Database, number: int) -> int:
    async with database.reading() as tx:
        for _ in range(8):  # psycopg prepares what it has seen five times
            assert (await tx.execute(text("SELECT :number ::int"), {"number": number})).scalar_one() == number
        return int((await tx.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def test_transactions_on_a_pooler_of_a_server_run_the_same_statements_in_any_session(database: Database) -> None:
    sessions = {pid for _ in range(5) for pid in await asyncio.gather(*(backend(database, n) for n in range(10)))}
    assert 1 < len(sessions) <= SESSIONS


async def test_limits_on_a_pooler_of_a_server_hold_for_every_transaction_and_stay_in_no_session(
    database: Database,
) -> None:
    async def limit() -> str:
        async with database.reading() as tx:
            return str((await tx.execute(text("SHOW statement_timeout"))).scalar_one())

    async with database.transaction(unhurried=True) as tx:
        assert (await tx.execute(text("SHOW statement_timeout"))).scalar_one() == "0"
    assert set(await asyncio.gather(*(limit() for _ in range(10)))) == {"2s"}
    with pytest.raises(StoreUnavailable):
        async with database.reading() as tx:
            await tx.execute(text("SELECT pg_sleep(60)"))


async def test_work_on_a_pooler_of_a_server_is_done_by_one_at_a_time(database: Database) -> None:
    async def nothing() -> None:
        pass

    async def work() -> None:
        assert not await run_alone(database, "work", nothing())

    assert await run_alone(database, "work", work())
    assert await run_alone(database, "work", nothing())
