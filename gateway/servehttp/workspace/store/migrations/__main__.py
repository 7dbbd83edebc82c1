"""Writes a revision. Usage: python -m servehttp.workspace.store.migrations MESSAGE"""

from __future__ import annotations

import subprocess
import sys

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from servehttp.workspace.store.migrations import FOLDER
from servehttp.workspace.store.migrations.history import configuration, upgrade

WIDTH = 4
"""Digits of a revision's number."""


def main() -> None:
    """Compare the tables with an empty database that was brought to the last revision."""
    with create_engine("sqlite://").begin() as connection:
        upgrade(connection)
        config = configuration(connection)
        number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
        command.revision(config, message=sys.argv[1], autogenerate=True, rev_id=f"r{number:0{WIDTH}}")
    for step in (("format",), ("check", "--fix")):
        subprocess.run([sys.executable, "-m", "ruff", *step, "--quiet", FOLDER / "versions"], check=True)


if __name__ == "__main__":
    main()
