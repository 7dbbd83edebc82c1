"""The right Python is found for a plugin, and its version is really checked."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from servehttp.errors import InterpreterError
from servehttp.plugins.interpreter import check_version, find_interpreter, parse_version_spec
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

OWN = Path(sys.executable)
MINOR = "{}.{}".format(*sys.version_info)


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


def test_without_a_virtual_environment_it_is_the_gateways_own(tmp_path: Path) -> None:
    assert find_interpreter(tmp_path) == OWN
    assert find_interpreter(tmp_path, "/usr/bin/other") == Path("/usr/bin/other")


def test_the_environments_are_looked_at_in_the_order_of_the_reference(tmp_path: Path) -> None:
    for name in (".venv/bin/python3", ".venv/bin/python", "venv/bin/python3", "venv/bin/python"):
        assert find_interpreter(tmp_path) != tmp_path / name
        script(tmp_path / name, "")
        assert find_interpreter(tmp_path) == tmp_path / name


def test_an_interpreter_that_cannot_be_executed_is_passed_over(tmp_path: Path) -> None:
    script(tmp_path / "venv/bin/python", "", mode=0o644)
    (tmp_path / "venv/bin/python3").symlink_to("/nowhere")
    expected = script(tmp_path / ".venv/bin/python", "")
    assert find_interpreter(tmp_path) == expected


async def test_an_environment_whose_python_is_gone_is_told_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to("/nowhere")
    found = find_interpreter(tmp_path)
    assert found == tmp_path / ".venv/bin/python"
    with pytest.raises(InterpreterError, match=r"cannot be run: No such file.*; make the plugin's"):
        await check_version(found, "")


def test_the_link_of_an_environment_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/python").symlink_to(OWN)
    assert find_interpreter(tmp_path) == tmp_path / "venv/bin/python"


def test_a_relative_folder_gives_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "venv/bin/python", "")
    monkeypatch.chdir(tmp_path)
    assert find_interpreter(Path()) == tmp_path / "venv/bin/python"


@pytest.mark.parametrize(
    ("spec", "accepted", "refused"),
    [
        ("3.11", ["3.11.0", "3.11.9"], ["3.12.0", "3.10.9", "3.1.1"]),
        ("3.11.x", ["3.11.4"], ["3.12.0"]),
        ("3.11.*", ["3.11.4"], ["3.12.0"]),
        ("3.11.4", ["3.11.4"], ["3.11.5"]),
        ("3", ["3.9.1", "3.14.0"], ["4.0.0"]),
        ("3.11+", ["3.11.0", "3.13.1"], ["3.10.9"]),
        (">=3.10", ["3.10.0", "3.14.0", "3.15.0rc1"], ["3.9.18"]),
        (">=3.10,<3.13", ["3.12.9"], ["3.13.0"]),
        ("~=3.11", ["3.11.0", "3.12.0"], ["4.0.0", "3.10.0"]),
        (" 3.12 ", ["3.12.1"], ["3.11.1"]),
        ("", ["2.7.18", "3.14.0"], []),
    ],
)
def test_a_version_is_read_as_people_write_it(spec: str, accepted: list[str], refused: list[str]) -> None:
    parsed = parse_version_spec(spec)
    assert [version for version in accepted if not parsed.contains(version, prereleases=True)] == []
    assert [version for version in refused if parsed.contains(version, prereleases=True)] == []


@pytest.mark.parametrize("spec", ["three", "python3.11", ">=", "3.x.1", "+", "3.11 or newer"])
def test_what_is_no_version_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="is not a Python version"):
        parse_version_spec(spec)


async def test_the_gateways_own_interpreter_is_checked_without_starting_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    assert str(await check_version(OWN, MINOR)).startswith(MINOR)


async def test_a_wrong_version_names_wanted_found_interpreter_and_remedy() -> None:
    with pytest.raises(InterpreterError) as caught:
        await check_version(OWN, "<3")
    text = str(caught.value)
    assert text.startswith(f"{OWN}: is Python {MINOR}.")
    assert "asks for <3" in text
    assert "make a venv in" in text


async def test_another_interpreter_is_asked_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    python = script(tmp_path / "python", f"echo x >> {count}\necho 3.9.18")
    assert str(await check_version(python, "3.9")) == "3.9.18"
    with pytest.raises(InterpreterError, match=r"is Python 3\.9\.18"):
        await check_version(python, ">=3.11")
    assert count.read_text() == "x\n"


async def test_a_copy_of_python_says_its_version(tmp_path: Path) -> None:
    python = script(tmp_path / "python", f'exec {OWN} "$@"')
    assert str(await check_version(python, MINOR)).startswith(MINOR)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exit 3", "did not say its version"),
        ("echo hello", "did not say its version"),
        ("exec yes | tr -d '\\n'", "did not say its version"),
        ("exec sleep 60", r"did not say its version within 0\.5 s"),
    ],
)
async def test_a_broken_interpreter_is_told_in_bounded_time(tmp_path: Path, text: str, problem: str) -> None:
    python = script(tmp_path / "python", text)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(InterpreterError, match=problem):
            await check_version(python, "3.11", timeout=0.5)


async def test_an_interpreter_that_is_none_is_told(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_bytes(b"\x00\x01")
    python.chmod(0o755)
    with pytest.raises(InterpreterError, match="cannot be run"):
        await check_version(python, "3.11")
    with pytest.raises(InterpreterError, match="cannot be run"):
        await check_version(tmp_path / "gone", "3.11")
