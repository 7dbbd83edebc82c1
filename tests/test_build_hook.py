"""What a build does that can compile, that cannot, and that is told to do either; nothing is compiled here."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from support.patience import PATIENCE
from test_compiled_classes import PROJECT

HOOK = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]
NO_COMPILER = "/nowhere/cc"


def build(what: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call the build backend, in a process as pip does; what it returns is printed."""
    code = f"import sys; sys.path.insert(0, '.'); from hatchling import build; print(build.{what})"
    inherited = {name: value for name, value in os.environ.items() if name not in ("BUILD_SERVEHTTP", "CC")}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=inherited | environment,
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


def extensions(wheel: Path) -> list[str]:
    return [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith((".so", ".pyd"))]


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"CC": NO_COMPILER}, f"there is no C compiler {NO_COMPILER}"),
        ({"BUILD_SERVEHTTP": "pure"}, "BUILD_SERVEHTTP says so"),
    ],
)
def test_a_wheel_that_is_not_compiled_is_pure_and_says_why(
    tmp_path: Path, environment: dict[str, str], reason: str
) -> None:
    done = build(f"build_wheel({str(tmp_path)!r})", **environment)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    assert extensions(wheel) == []
    assert f"servehttp is built as pure Python, which is half as fast: {reason}" in done.stdout + done.stderr


def test_a_wheel_that_has_to_be_compiled_fails_without_a_compiler_and_says_why(tmp_path: Path) -> None:
    done = build(f"build_wheel({str(tmp_path)!r})", CC=NO_COMPILER, BUILD_SERVEHTTP="compiled")
    assert done.returncode != 0
    assert f"BUILD_SERVEHTTP=compiled, but there is no C compiler {NO_COMPILER}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_editable_installation_is_made_without_compiling(tmp_path: Path) -> None:
    done = build(f"build_editable({str(tmp_path)!r})")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.iterdir()
    assert extensions(wheel) == []


@pytest.mark.parametrize("environment", [{"CC": NO_COMPILER}, {"BUILD_SERVEHTTP": "pure"}])
def test_what_only_a_compilation_needs_is_not_asked_for_without_one(environment: dict[str, str]) -> None:
    assert build("get_requires_for_build_wheel()", **environment).stdout == "[]\n"


def test_a_compilation_asks_for_what_it_needs() -> None:
    done = build("get_requires_for_build_wheel()", CC=sys.executable)
    assert done.stdout == f"{HOOK['custom']['needs']}\n"


def test_another_choice_is_refused() -> None:
    done = build("get_requires_for_build_wheel()", BUILD_SERVEHTTP="fast")
    assert done.returncode != 0
    assert "BUILD_SERVEHTTP is 'fast': choose pure or compiled" in done.stderr
