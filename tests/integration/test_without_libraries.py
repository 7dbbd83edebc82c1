"""The command where only a part of its libraries is installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.patience import PATIENCE

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello"
WORKSPACE = ("aiosqlite", "alembic", "argon2", "sqlalchemy")
GATEWAY = (*WORKSPACE, "structlog", "typer", "uvicorn", "pydantic")

WITHOUT = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name in {missing!r} else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""
"""Python runs it at its start, and does not find the modules from then on."""


def environment(folder: Path, missing: tuple[str, ...]) -> dict[str, str]:
    (folder / "sitecustomize.py").write_text(WITHOUT.format(missing=missing))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SERVEHTTP_")}
    return {**inherited, "PYTHONPATH": str(folder), "COLUMNS": "200"}


def run(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "servehttp", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize("missing", ["uvicorn", "websockets"])
def test_a_library_that_is_missed_late_is_one_line_as_well(tmp_path: Path, missing: str) -> None:
    process = run("serve", str(EXAMPLE), "--no-workspace", env=environment(tmp_path, (missing,)))
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith(f"error: the gateway needs {missing}, which is not installed")


def test_without_the_gateways_libraries_one_line_says_what_to_install(tmp_path: Path) -> None:
    process = run("--help", env=environment(tmp_path, GATEWAY))
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("error: the gateway needs ")
    assert "pip install 'servehttp[workspace]', or 'servehttp[gateway]' for" in process.stderr
    assert process.stderr.count("\n") == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_without_the_workspaces_libraries_plugins_are_served(tmp_path: Path, workers: int) -> None:
    arguments = ["serve", str(EXAMPLE), "--port", "0", "--log-format", "json", "--workers", str(workers)]
    arguments += ["--data-dir", str(tmp_path / "data")]
    env = environment(tmp_path, WORKSPACE)
    with subprocess.Popen(
        [sys.executable, "-m", "servehttp", *arguments], env=env, stderr=subprocess.PIPE, text=True
    ) as gateway:
        assert gateway.stderr is not None
        try:
            records = []
            for line in gateway.stderr:
                records.append(json.loads(line))
                if records[-1]["event"] == "serving":
                    break
            assert set(records[-1]["plugins"].values()) == {"running"}
            [remedy] = [record["remedy"] for record in records if "there is no workspace" in record["event"]]
            assert remedy == "pip install 'servehttp[workspace]'"
        finally:
            gateway.send_signal(signal.SIGTERM)
            gateway.stderr.read()
    assert gateway.returncode == 0
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("arguments", [("serve", str(EXAMPLE), "--workspace"), ("admin", "token")])
def test_who_asks_for_a_workspace_without_its_libraries_is_told_what_to_install(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    process = run(*arguments, "--data-dir", str(tmp_path / "data"), env=environment(tmp_path, WORKSPACE))
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == (
        f"error: the workspace needs {', '.join(WORKSPACE)}: pip install 'servehttp[workspace]'\n"
    )


def with_a_database(data: Path) -> None:
    data.mkdir()
    (data / "workspace.db").touch()


def with_a_setting(data: Path) -> None:
    (data.parent / "settings.toml").write_text('[workspace]\ndatabase_url = "postgresql://nowhere/none"\n')


@pytest.mark.parametrize("missing", [WORKSPACE, ("argon2",)], ids=["all", "one"])
@pytest.mark.parametrize("prepare", [with_a_database, with_a_setting])
def test_who_has_a_workspace_is_not_served_without_it(
    tmp_path: Path, missing: tuple[str, ...], prepare: Callable[[Path], None]
) -> None:
    prepare(tmp_path / "data")
    settings = tmp_path / "settings.toml"
    settings.touch()
    arguments = ("serve", str(EXAMPLE), "--port", "0", "--config", str(settings), "--data-dir", str(tmp_path / "data"))
    process = run(*arguments, env=environment(tmp_path, missing))
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == f"error: the workspace needs {', '.join(missing)}: pip install 'servehttp[workspace]'\n"


def test_a_library_that_does_not_load_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "sqlalchemy").mkdir()
    (tmp_path / "sqlalchemy" / "__init__.py").write_text('raise ImportError("its library is of another version")')
    env = environment(tmp_path, ())
    for arguments in (("serve", str(EXAMPLE), "--port", "0"), ("admin", "token")):
        process = run(*arguments, "--data-dir", str(tmp_path / "data"), env=env)
        assert (process.returncode, process.stdout) == (1, "")
        assert process.stderr == (
            "error: the workspace cannot be loaded, its library is of another version: "
            "pip install 'servehttp[workspace]'\n"
        )
