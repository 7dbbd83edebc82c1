"""The schema that the revisions make is the one that the tables describe."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from servehttp.host.store.database import Database, Timeouts
from servehttp.host.store.migrations import migrate
from servehttp.host.store.tables import METADATA

pytestmark = pytest.mark.anyio


@pytest.fixture
def database(tmp_path: Path, database_url: str) -> Database:
    return Database.open(database_url or f"sqlite:///{tmp_path / 'test.db'}", Timeouts())


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, METADATA))


async def test_a_migrated_schema_has_exactly_what_the_tables_say(database: Database) -> None:
    await migrate(database)
    async with database.reading() as tx:
        names = await tx.run_sync(lambda connection: set(inspect(connection).get_table_names()))
        assert await tx.run_sync(differences) == []
    assert names == METADATA.tables.keys() | {"alembic_version"}
    await database.close()


async def test_a_schema_that_is_up_to_date_is_left_alone(database: Database) -> None:
    await migrate(database)
    await migrate(database)
    async with database.reading() as tx:
        assert await tx.run_sync(differences) == []
    await database.close()
