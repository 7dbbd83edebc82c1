"""The data folder: private, and one gateway's at a time."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from servehttp.errors import WorkspaceError
from servehttp.workspace.embedding.accounts import make_token_of
from servehttp.workspace.embedding.host import WorkspaceHost
from servehttp.workspace.settings import Settings
from servehttp.workspace.store.data_folder import only_gateway

pytestmark = pytest.mark.anyio

HOLDER = """
import pathlib, sys, time
from servehttp.workspace.store.data_folder import only_gateway
with only_gateway(pathlib.Path(sys.argv[1])):
    print("has it", flush=True)
    time.sleep(600)
"""


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


@pytest.mark.parametrize("before", ["nothing", "a folder", "readable files"])
async def test_what_is_in_the_data_folder_is_for_our_user_alone(tmp_path: Path, before: str) -> None:
    folder = tmp_path / "data"
    umask = os.umask(0o022)
    try:
        if before != "nothing":
            folder.mkdir(mode=0o755)
        if before == "readable files":
            (folder / "workspace.db").touch(mode=0o644)
            for name in ("files", "plugins"):
                (folder / name).mkdir(mode=0o755)
            (folder / "admin-token").write_text("secret")
        structlog.reset_defaults()
        with structlog.testing.capture_logs() as records:
            async with WorkspaceHost(Settings(data_dir=folder)):
                modes = {path.name: mode(path) for path in folder.iterdir()}
    finally:
        os.umask(umask)
    folders = {name: found for name, found in modes.items() if (folder / name).is_dir()}
    assert set(folders.values()) == {"0o700"}
    assert {found for name, found in modes.items() if name not in folders} == {"0o600"}
    assert {"workspace.db", "workspace.db-wal", "workspace.db-shm", "files", "gateway.lock"} <= set(modes)
    warned = [record for record in records if record["event"] == "others may enter the data folder"]
    assert len(warned) == (before != "nothing")


async def test_a_second_gateway_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    async with WorkspaceHost(settings):
        with pytest.raises(WorkspaceError, match=rf"another gateway has the data folder .*: process {os.getpid()};"):
            await WorkspaceHost(settings).__aenter__()
        assert await make_token_of("admin", settings)  # who only looks in is not one
    async with WorkspaceHost(settings):
        pass


def test_the_lock_ends_with_its_owner_however_that_ends(tmp_path: Path) -> None:
    command: Any = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ) as owner:
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == b"has it\n"
            with pytest.raises(WorkspaceError, match=f"process {owner.pid};"), only_gateway(tmp_path):
                pass
        finally:
            owner.send_signal(signal.SIGKILL)
    with only_gateway(tmp_path):
        assert (tmp_path / "gateway.lock").read_text() == str(os.getpid())
