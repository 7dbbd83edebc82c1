"""The way of the operator's guide to the next release, and back to the last one by the backup that was made before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from servehttp.errors import WorkspaceError
from servehttp.workspace.embedding.backups import back_up
from servehttp.workspace.embedding.opening import explaining
from servehttp.workspace.embedding.restoring import restore
from servehttp.workspace.settings import DATABASE_FILE, Settings
from servehttp.workspace.workspace import open_workspace

pytestmark = pytest.mark.anyio


async def served(settings: Settings) -> None:
    """What a start of this release does with the data."""
    with explaining(settings):
        async with open_workspace(settings.data_dir, settings.workspace):
            pass


def upgraded(data_dir: Path) -> None:
    """What the start of a later release would have done with it."""
    with closing(sqlite3.connect(data_dir / DATABASE_FILE)) as database, database:
        database.execute("CREATE TABLE of_the_next_release (id TEXT)")
        database.execute("UPDATE alembic_version SET version_num = 'r9999'")


def tables(data_dir: Path) -> set[str]:
    with closing(sqlite3.connect(data_dir / DATABASE_FILE)) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


async def test_the_last_release_serves_what_was_backed_up_before_the_next_one(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    settings.data_dir.mkdir(mode=0o700)
    await served(settings)
    back_up(settings, tmp_path / "before.tar.gz")

    upgraded(settings.data_dir)
    with pytest.raises(
        WorkspaceError, match=r"of a newer release: the schema is r9999.*restore a backup from before it"
    ):
        await served(settings)
    assert "of_the_next_release" in tables(settings.data_dir)  # a release that may not leaves it alone

    settings.data_dir.rename(tmp_path / "data.next")
    await restore(settings, tmp_path / "before.tar.gz")
    await served(settings)
    assert "of_the_next_release" not in tables(settings.data_dir)
