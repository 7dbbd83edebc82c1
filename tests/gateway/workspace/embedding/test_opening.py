"""Databases that are not what a workspace can be opened over: each is told in one line that says what to do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from servehttp.errors import BackupError, WorkspaceError
from servehttp.workspace.embedding.accounts import check_workspace, make_token_of
from servehttp.workspace.embedding.backups import back_up
from servehttp.workspace.embedding.host import WorkspaceHost
from servehttp.workspace.settings import Settings
from servehttp.workspace.workspace import open_workspace

pytestmark = pytest.mark.anyio


def of_a_newer_release(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'r9999'")


def damaged(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(4096)
        opened.write(b"garbage!" * 100_000)


def no_database(file: Path) -> None:
    file.write_text("hello " * 1000)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def in_no_folder(file: Path) -> None:
    shutil.rmtree(file.parent)
    file.parent.write_text("no folder")


async def test_a_token_is_not_made_where_no_workspace_is_and_neither_is_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "data"):
        with pytest.raises(WorkspaceError, match=rf"^there is no workspace in {folder}: .*--data-dir$"):
            await make_token_of("admin", Settings(data_dir=folder))
    assert os.listdir(tmp_path) == []


BAD: dict[Callable[[Path], None], list[str]] = {
    of_a_newer_release: ["the schema is r9999", "knows up to r0", "run the newer release"],
    damaged: ["workspace.db", "malformed", "restore a backup"],
    no_database: ["workspace.db", "not a database", "move it away"],
    a_folder: ["workspace.db", "it is a folder"],
    in_no_folder: ["data: ", "--data-dir"],
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
async def test_what_is_there_and_what_to_do_is_said_in_one_line(tmp_path: Path, make: Callable[[Path], None]) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    async with open_workspace(settings.data_dir, settings.workspace):
        pass
    make(settings.data_dir / "workspace.db")
    with pytest.raises(WorkspaceError) as for_the_gateway:
        async with WorkspaceHost(settings):
            raise AssertionError("it cannot be opened")
    with pytest.raises(WorkspaceError) as for_the_command:
        await make_token_of("admin", settings)
    said = str(for_the_gateway.value)
    assert said == str(for_the_command.value)
    assert said.startswith("the workspace cannot be opened: ")
    assert "\n" not in said
    assert all(part in said for part in BAD[make]), said


@pytest.mark.parametrize("name", ["file", "file/below", "loop", "x" * 300])
async def test_a_folder_that_cannot_be_one_is_told_alike_wherever_it_is_looked_into(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    settings = Settings(data_dir=tmp_path / name)

    async def serve() -> None:
        host = WorkspaceHost(settings)
        host.plugin_folders()
        async with host:
            raise AssertionError("it cannot be opened")

    for look in (serve, lambda: make_token_of("admin", settings), lambda: asyncio.to_thread(check_workspace, settings)):
        with pytest.raises(WorkspaceError) as told:
            await look()
        assert len(str(told.value).splitlines()) == 1
        assert "--data-dir" in str(told.value)
        assert "Errno" not in str(told.value)
    with pytest.raises(BackupError, match=name[:100]):
        back_up(settings, tmp_path / "backup.tar.gz")
