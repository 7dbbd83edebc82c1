"""The schema's history: one revision a file, in `versions/`.

`python -m servehttp.host.store.migrations MESSAGE` writes a revision that leads from the last one to the tables.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from servehttp.host.store.database import Database

FOLDER = Path(__file__).parent


class UnknownRevision(Exception):
    """The schema is of a release that this one does not know.

    Attributes:
        found: the revision that is there.
        known: the last one that this release knows.
    """

    def __init__(self, found: str, known: str) -> None:
        super().__init__(
            f"its database is of a newer release: the schema is {found}, and this release knows up to {known}; run the "
            "newer release, or restore a backup from before it"
        )
        self.found = found
        self.known = known


async def migrate(database: Database) -> None:
    """Bring the schema up to date, in one transaction: all of it or nothing; further starts wait for the first.

    Raises:
        UnknownRevision: it is newer than what is known here.
    """
    async with database.transaction(unhurried=True) as connection:
        await connection.run_sync(upgrade)


def upgrade(connection: Connection) -> None:
    """The same over a connection with an open transaction."""
    config = configuration(connection)
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    for found in MigrationContext.configure(connection).get_current_heads():
        if found not in known:
            raise UnknownRevision(found, scripts.get_current_head() or "none")
    command.upgrade(config, "head")


def configuration(connection: Connection) -> Config:
    """What alembic is told."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
