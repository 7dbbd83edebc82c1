"""What the operator's commands do on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from servehttp.settings.sources import ENV_PREFIX
from servehttp.workspace.settings import Settings
from servehttp.workspace.workspace import open_workspace
from support.operated import Operated, operated, serving
from support.patience import PATIENCE

__all__ = ["operated", "serving"]

PASSWORD = "correct horse battery"


class Terminal:
    """A command on a terminal of its own.

    Attributes:
        shown: all that it has shown.
    """

    def __init__(self, *arguments: str | Path, environment: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "servehttp", *map(str, arguments)],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**inherited, "TERM": "xterm", "COLUMNS": "120", **environment},
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""

    def read_until(self, text: str) -> None:
        while text not in self.shown:
            self.shown += os.read(self._ours, 4096).decode()

    def type(self, line: str) -> None:
        os.write(self._ours, f"{line}\n".encode())

    def end(self) -> int:
        """Read all that is left; returns the exit code."""
        with contextlib.suppress(OSError):  # which is how a terminal's other end is told
            while piece := os.read(self._ours, 4096):
                self.shown += piece.decode()
        os.close(self._ours)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def terminal(*arguments: str | Path, environment: Mapping[str, str]) -> Iterator[Terminal]:
    made = Terminal(*arguments, environment=environment)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()


@pytest.fixture
async def data_dir(tmp_path: Path) -> Path:
    async with open_workspace(tmp_path, Settings().workspace):
        return tmp_path


@pytest.mark.anyio
@pytest.mark.parametrize(("second", "code"), [(PASSWORD, 0), ("something else", 1)])
async def test_a_password_is_typed_twice_and_not_shown(data_dir: Path, second: str, code: int) -> None:
    with terminal("user", "add", "ada", "--data-dir", data_dir, environment={}) as screen:
        screen.read_until("Password of ada: ")
        screen.type(PASSWORD)
        screen.read_until("Once more: ")
        screen.type(second)
        assert screen.end() == code
        assert PASSWORD not in screen.shown
        assert ("is added" in screen.shown) == (code == 0)
        assert ("the two are not the same" in screen.shown) == (code == 1)


def test_how_much_of_a_bundle_was_sent_is_shown(operated: Operated) -> None:
    bundle = operated.bundle("com.example.added")
    with terminal("plugin", "install", bundle, environment=operated.environment()) as screen:
        assert screen.end() == 0
        assert bundle.name in screen.shown
        assert "com.example.added 1.0.0 is installed, and stopped" in screen.shown


def test_states_are_coloured_and_piped_ones_are_not(operated: Operated) -> None:
    with terminal("plugin", "list", environment=operated.environment()) as screen:
        assert screen.end() == 0
        assert "\x1b[32mrunning" in screen.shown
    assert "\x1b" not in operated.ok("list")


def test_a_bundle_that_is_too_large_is_refused_in_the_midst_of_its_upload(operated: Operated) -> None:
    bundle = operated.folder / "large.tar.gz"
    with bundle.open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    assert operated.refused("install", bundle).startswith("error: The body is larger than ")
