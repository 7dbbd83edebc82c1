"""What an installed plugin needs is in an environment of its own, outside its folder."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from servehttp.errors import BundleError, DependencyError
from servehttp.plugins.virtual_environments import COMPLETE, VirtualEnvironments
from servehttp.settings.kinds import Source
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE
from support.wheels import wheel, wheel_name

pytestmark = pytest.mark.anyio


def plugin(parent: Path, name: str, requirements: str, *versions: str) -> Path:
    """A plugin's folder, with wheels of `needed` in these versions."""
    folder = parent / name
    (folder / "wheels").mkdir(parents=True)
    (folder / "requirements.txt").write_text(requirements)
    for version in versions:
        (folder / "wheels" / wheel_name("needed", version)).write_bytes(wheel("needed", version))
    return folder


def environments(parent: Path, source: Source = "bundled", timeout: float = PATIENCE) -> VirtualEnvironments:
    return VirtualEnvironments(parent / "data", source, timeout)


def printed_by(python: Path, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


def made(parent: Path) -> list[str]:
    return sorted(os.listdir(parent / "data/environments"))


async def test_what_is_needed_is_found_beside_the_sdk_and_installed_once(tmp_path: Path) -> None:
    known = environments(tmp_path)
    one = plugin(tmp_path, "one", "needed>=1\nservehttp\n", "1.0", "2.0")
    with pytest.raises(DependencyError, match="is not installed; install it anew"):
        known.interpreter(one)
    await known.prepare(one)
    python = known.interpreter(one)
    assert python is not None
    assert tmp_path / "data/environments" in python.parents
    code = "import needed, mattermost_plugin, starlette; print(needed.VERSION)"
    assert await asyncio.to_thread(printed_by, python, code) == "2.0\n"
    (python.parents[1] / "kept").touch()
    await known.prepare(plugin(tmp_path, "like it", "needed>=1\n", "1.0", "2.0"))
    assert (python.parents[1] / "kept").exists()
    assert len(made(tmp_path)) == 1
    known.keep([one, plugin(tmp_path, "odd", "-e .\n")])
    assert known.interpreter(one) == python
    known.keep([])
    assert made(tmp_path) == []


async def test_what_cannot_be_installed_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    known = environments(tmp_path)
    one = plugin(tmp_path, "one", "needed>=2\n", "1.0")
    with pytest.raises(DependencyError, match=r"its dependencies cannot be installed: .*needed"):
        await known.prepare(one)
    assert made(tmp_path) == []


async def test_an_installation_has_its_time(tmp_path: Path) -> None:
    known = environments(tmp_path, timeout=0.001)
    with pytest.raises(DependencyError, match=r"were not installed within 0\.001 s"):
        await known.prepare(plugin(tmp_path, "one", "needed\n", "1.0"))
    assert made(tmp_path) == []


async def test_nothing_of_an_installation_that_ends_early_runs_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive, installer = tmp_path / "alive", tmp_path / "bin" / "uv"
    os.mkfifo(alive)
    installer.parent.mkdir()
    printed = "head -c 1000000 /dev/zero"  # more than a pipe holds: it is read by then
    installer.write_text(f"#!/bin/sh\nexec 9>'{alive}'\nsleep 60 &\n{printed}\necho started >&9\nwait\n")
    installer.chmod(0o755)
    monkeypatch.setenv("PATH", str(installer.parent), prepend=os.pathsep)
    async with asyncio.timeout(PATIENCE):
        work = asyncio.create_task(environments(tmp_path).prepare(plugin(tmp_path, "one", "needed\n", "1.0")))
        with await asyncio.to_thread(alive.open, "rb") as running:
            assert await asyncio.to_thread(running.readline) == b"started\n"
            work.cancel()
            assert await asyncio.to_thread(running.read) == b""
        await asyncio.gather(work, return_exceptions=True)
    assert made(tmp_path) == []


async def test_a_wheel_that_needs_something_from_an_address_is_refused(tmp_path: Path) -> None:
    known, one = environments(tmp_path), plugin(tmp_path, "one", "needed\n")
    (one / "wheels" / wheel_name("needed")).write_bytes(wheel("needed", needs="a @ file:///a-1.0.tar.gz"))
    with pytest.raises(BundleError, match=r"needed-1\.0-py3-none-any\.whl needs 'a @ file:///a-1\.0\.tar\.gz' from"):
        await known.prepare(one)
    assert made(tmp_path) == []


async def test_one_that_was_interrupted_is_made_anew(tmp_path: Path) -> None:
    known = environments(tmp_path)
    one = plugin(tmp_path, "one", "needed\n", "1.0")
    await known.prepare(one)
    python = known.interpreter(one)
    assert python is not None
    (python.parents[1] / COMPLETE).unlink()
    with pytest.raises(DependencyError):
        known.interpreter(one)
    await known.prepare(one)
    assert known.interpreter(one) == python


@pytest.mark.parametrize(("source", "requirements"), [("never", "needed\n"), ("bundled", "# nothing\n")])
async def test_where_nothing_is_needed_or_wanted_there_is_none(
    tmp_path: Path, source: Source, requirements: str
) -> None:
    known = environments(tmp_path, source)
    one = plugin(tmp_path, "one", requirements)
    await known.prepare(one)
    known.keep([one])
    assert known.interpreter(one) is None
    assert not (tmp_path / "data").exists()
