"""The schema that the revisions make is the one that the tables describe."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from servehttp.workspace.store.database import Database, Timeouts
from servehttp.workspace.store.migrations import migrate
from servehttp.workspace.store.migrations.history import configuration, upgrade
from servehttp.workspace.store.tables import METADATA

pytestmark = pytest.mark.anyio


@pytest.fixture
def database(tmp_path: Path, database_url: str) -> Database:
    return Database.open(database_url or f"sqlite:///{tmp_path / 'test.db'}", Timeouts())


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, METADATA))


async def by_its_history(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run_sync(upgrade)


@pytest.mark.parametrize("make", [migrate, by_its_history], ids=["at once", "by its history"])
async def test_a_schema_has_exactly_what_the_tables_say(
    database: Database, make: Callable[[Database], Awaitable[None]]
) -> None:
    await make(database)
    async with database.reading() as tx:
        names = await tx.run_sync(lambda connection: set(inspect(connection).get_table_names()))
        assert await tx.run_sync(differences) == []
    assert names == METADATA.tables.keys() | {"alembic_version"}
    await database.close()


async def test_a_schema_that_is_made_at_once_has_the_newest_revision(database: Database) -> None:
    await migrate(database)
    async with database.reading() as tx:
        heads = await tx.run_sync(lambda connection: MigrationContext.configure(connection).get_current_heads())
        config = await tx.run_sync(configuration)
    assert heads == tuple(ScriptDirectory.from_config(config).get_heads())
    await by_its_history(database)
    await database.close()


async def test_a_schema_of_an_older_release_gets_what_is_missing(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run_sync(upgrade)
        await tx.execute(text("DELETE FROM alembic_version"))
        for table in await tx.run_sync(lambda connection: inspect(connection).get_table_names()):
            if table != "alembic_version":
                await tx.execute(text(f"DROP TABLE {table}"))
    await migrate(database)
    async with database.reading() as tx:
        assert await tx.run_sync(differences) == []
    await database.close()


def test_a_start_does_without_alembic_unless_the_release_is_another(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from servehttp.workspace.workspace import open_workspace
from servehttp.workspace.settings import WorkspaceSettings
async def start():
    async with open_workspace(Path({str(tmp_path)!r}), WorkspaceSettings()):
        pass
asyncio.run(start())
asyncio.run(start())
print("alembic" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


async def test_a_schema_that_is_up_to_date_is_left_alone(database: Database) -> None:
    await migrate(database)
    await migrate(database)
    async with database.reading() as tx:
        assert await tx.run_sync(differences) == []
    await database.close()
