"""A workspace for each test, over each database that there is."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from servehttp.workspace.domains.people import passwords
from servehttp.workspace.settings import DATABASE_FILE, WorkspaceSettings
from servehttp.workspace.workspace import Workspace, open_workspace
from support.loops import one_loop
from support.workspaces import DATABASES, Clock, empty_database

__all__ = ["one_loop"]


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hashes as they are, but of little work: most tests make users, and few are about that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=DATABASES)
async def database_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """An empty database; the empty URL is SQLite in the data folder."""
    async with empty_database(request.param) as url:
        yield url


@pytest.fixture
def settings(database_url: str) -> WorkspaceSettings:
    """The workspace's settings; a test may ask for others by a fixture of this name."""
    return WorkspaceSettings(database_url=database_url)


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite file of a new workspace: to copy it takes a quarter of what making it does."""
    folder = tmp_path_factory.mktemp("new")

    async def make() -> None:
        async with open_workspace(folder, WorkspaceSettings(), Clock()):
            pass

    asyncio.run(make())
    return folder / DATABASE_FILE


@pytest.fixture
async def ws(tmp_path: Path, settings: WorkspaceSettings, clock: Clock, new_database: Path) -> AsyncIterator[Workspace]:
    """A new workspace, without users, whose clock stands still."""
    if not settings.database_url:
        shutil.copy(new_database, tmp_path)
    async with open_workspace(tmp_path, settings, clock) as workspace:
        yield workspace
