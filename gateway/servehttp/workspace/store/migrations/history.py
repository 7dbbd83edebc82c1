"""The revisions one after the other, as Alembic applies them."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from servehttp.workspace.store.migrations import FOLDER, UnknownRevision


def upgrade(connection: Connection) -> None:
    """Apply those that are missing, over a connection with an open transaction.

    Raises:
        UnknownRevision: the schema has one that is not among them.
    """
    config = configuration(connection)
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    for found in MigrationContext.configure(connection).get_current_heads():
        if found not in known:
            raise UnknownRevision(found, scripts.get_current_head() or "none")
    command.upgrade(config, "head")


def configuration(connection: Connection) -> Config:
    """What Alembic is told."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
