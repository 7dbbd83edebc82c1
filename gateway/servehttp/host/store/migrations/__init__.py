"""The schema's history: one revision a file, in `versions/`.

`python -m servehttp.host.store.migrations MESSAGE` writes a revision that leads from the last one to the tables.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from servehttp.host.store.database import Database

FOLDER = Path(__file__).parent


async def migrate(database: Database) -> None:
    """Bring the schema up to date, in one transaction: all of it or nothing; further starts wait for the first."""
    async with database.transaction(unhurried=True) as connection:
        await connection.run_sync(upgrade)


def upgrade(connection: Connection) -> None:
    """The same over a connection with an open transaction."""
    command.upgrade(configuration(connection), "head")


def configuration(connection: Connection) -> Config:
    """What alembic is told."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
