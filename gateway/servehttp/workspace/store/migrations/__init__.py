"""The schema's history: one revision a file, in `versions/`.

`python -m servehttp.workspace.store.migrations MESSAGE` writes a revision that leads from the last one to the tables.
They are applied by Alembic, which takes long to import: a new database is made without it, and one that is up to date
is left alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from servehttp.workspace.store.database import Database
from servehttp.workspace.store.tables import METADATA

FOLDER: Final = Path(__file__).parent
NEWEST: Final = max(file.stem.partition("_")[0] for file in (FOLDER / "versions").glob("r*.py"))
"""The revision that this release knows as the last one; each file's name begins with its own."""

REVISION: Final = Table("alembic_version", MetaData(), Column("version_num", String(32), nullable=False))
"""Where Alembic keeps the revision of the schema, as far as it is read and written here."""


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
        await connection.run_sync(bring_up_to_date)


def bring_up_to_date(connection: Connection) -> None:
    """Bring the schema up to date over a connection with an open transaction: as `migrate`."""
    tables = inspect(connection).get_table_names()
    found = connection.execute(select(REVISION.c.version_num)).scalars().all() if REVISION.name in tables else []
    if found == [NEWEST]:
        return
    if tables:
        from servehttp.workspace.store.migrations.history import upgrade  # here, for it imports Alembic

        upgrade(connection)
    else:
        METADATA.create_all(connection, checkfirst=False)
        REVISION.create(connection)
        connection.execute(REVISION.insert().values(version_num=NEWEST))
