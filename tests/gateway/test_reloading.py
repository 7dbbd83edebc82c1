"""A plugin is replaced when a file of its own changes, and only then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import structlog
from watchfiles import Change

from servehttp.aio import meanwhile
from servehttp.errors import PluginStartError
from servehttp.plugins.handle import PluginHandle
from servehttp.reloading import Sources, reload_changed
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


class Started:
    id = "p"
    started_in = 0.1


class Gateway:
    """Replaces nothing, and says for which folder it should have."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.cancelled: list[str] = []
        self.problem: Exception | None = None
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def renew(self, folder: Path) -> PluginHandle:
        self.asked.put_nowait(folder.name)
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled.append(folder.name)
            raise
        if self.problem is not None:
            raise self.problem
        return cast(PluginHandle, Started())


def plugin(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    (folder / "plugin.py").write_text("")
    return folder


@asynccontextmanager
async def watched(gateway: Gateway, *folders: Path) -> AsyncIterator[None]:
    """Files of these folders are watched: the first change of one has been seen."""
    async with asyncio.timeout(PATIENCE), meanwhile(reload_changed(gateway, folders)):
        await begun(gateway, folders[0])
        yield


async def begun(gateway: Gateway, folder: Path) -> None:
    """Change a file until that is seen, for when a watch begins is not told."""
    number = 0
    while gateway.asked.empty():
        number += 1
        (folder / "plugin.py").write_text(f"# {number}")
        await asyncio.sleep(0.05)
    assert await gateway.asked.get() == folder.name


async def next_asked(gateway: Gateway, name: str) -> None:
    while await gateway.asked.get() != name:
        pass


async def test_the_plugin_whose_file_changes_is_replaced(tmp_path: Path) -> None:
    gateway, one, two = Gateway(), plugin(tmp_path, "one"), plugin(tmp_path, "two")
    async with watched(gateway, one, two):
        (two / "page.html").write_text("changed")
        await next_asked(gateway, "two")


async def test_a_folder_that_is_put_in_the_place_of_a_plugins_is_watched(tmp_path: Path) -> None:
    gateway, one, two = Gateway(), plugin(tmp_path, "one"), plugin(tmp_path, "two")
    async with watched(gateway, one, two):
        two.rename(tmp_path / "before")
        plugin(tmp_path, "new").rename(two)
        await next_asked(gateway, "two")
        await begun(gateway, two)


async def test_after_a_version_that_does_not_run_the_next_change_counts(tmp_path: Path) -> None:
    gateway, one, two = Gateway(), plugin(tmp_path, "one"), plugin(tmp_path, "two")
    with structlog.testing.capture_logs() as logs:
        async with watched(gateway, one, two):
            for problem in (PluginStartError("two", "SyntaxError"), RuntimeError("ours")):
                gateway.problem = problem
                (two / "plugin.py").write_text(f"# {problem}")
                await next_asked(gateway, "two")
            gateway.problem = None
            (two / "plugin.py").write_text("# good")
            await next_asked(gateway, "two")
    assert any("SyntaxError" in str(entry.get("reason")) for entry in logs)


async def test_a_change_while_a_version_is_on_its_way_ends_that(tmp_path: Path) -> None:
    gateway, one, two = Gateway(), plugin(tmp_path, "one"), plugin(tmp_path, "two")
    async with watched(gateway, one, two):
        gateway.may_end.clear()
        (two / "plugin.py").write_text("# hangs")
        await next_asked(gateway, "two")
        (two / "plugin.py").write_text("# does not")
        await next_asked(gateway, "two")
        assert gateway.cancelled.count("two") == 1
    assert gateway.cancelled.count("two") == 2, "the watch's end ends it too"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("plugin.py", True),
        ("deep/module.py", True),
        ("page.html", True),
        ("plugin.json", True),
        ("plugin.yml", True),
        ("state.json", False),
        ("data.db", False),
        ("log.txt", False),
        ("tests/test_it.py", False),
        ("test_plugin.py", False),
        ("conftest.py", False),
        ("__pycache__/plugin.py", False),
        (".venv/lib/a.py", False),
        ("made.py", False),
    ],
)
def test_files_that_people_write_concern_a_plugin(tmp_path: Path, path: str, wanted: bool) -> None:
    folder = plugin(tmp_path, "one")
    (folder / ".bundleignore").write_text("made.py\n")
    assert Sources([folder]).concern(Change.modified, str(folder.resolve() / path)) is wanted


@pytest.mark.parametrize("rules", [b"\xff", b"[z-a]", b"!", b"\\"])
def test_rules_that_are_none_are_told_and_passed_over(tmp_path: Path, rules: bytes) -> None:
    folder = plugin(tmp_path, "one")
    (folder / ".bundleignore").write_bytes(b"made.py\n" + rules)
    sources = Sources([folder])
    with structlog.testing.capture_logs() as logs:
        assert sources.concern(Change.modified, str(folder.resolve() / "plugin.py"))
    assert not sources.concern(Change.modified, str(folder.resolve() / "test_plugin.py"))
    assert ".bundleignore is" in logs[0]["reason"]


async def test_it_is_told_when_changes_cannot_be_seen(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs, pytest.raises(FileNotFoundError):
        await reload_changed(Gateway(), [tmp_path / "nowhere"])
    assert [entry["event"] for entry in logs] == ["changes of files are not seen"]


def test_what_lies_in_no_plugins_folder_concerns_none(tmp_path: Path) -> None:
    sources = Sources([plugin(tmp_path, "one")])
    assert not sources.concern(Change.modified, str(tmp_path.resolve() / "other.py"))
    assert sources.by_folder({(Change.modified, str(tmp_path.resolve() / "other.py"))}) == {}
