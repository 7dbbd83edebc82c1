"""Wheels that a plugin brings with it, for the machine that it is to be installed on."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from servehttp.errors import BundleError
from servehttp.plugins.requirements import read_needs
from servehttp.plugins.virtual_environments import SHOWN_LINES
from servehttp.plugins.wheels import FOLDER as WHEELS

TIMEOUT = 600.0
"""Seconds for all of them to be fetched."""


class Platform(StrEnum):
    """A machine that wheels are for."""

    LINUX_X86_64 = "linux-x86_64"
    LINUX_AARCH64 = "linux-aarch64"
    MACOS_ARM64 = "macos-arm64"
    MACOS_X86_64 = "macos-x86_64"


def _manylinux(machine: str, oldest: int) -> tuple[str, ...]:
    """By the C library that a wheel needs at least: 2.28 is that of every distribution that is still looked after."""
    return *(f"manylinux_2_{minor}_{machine}" for minor in range(28, oldest - 1, -1)), f"manylinux2014_{machine}"


TAGS: Mapping[Platform, tuple[str, ...]] = {
    Platform.LINUX_X86_64: _manylinux("x86_64", 5),
    Platform.LINUX_AARCH64: _manylinux("aarch64", 17),
    Platform.MACOS_ARM64: ("macosx_14_0_arm64",),
    Platform.MACOS_X86_64: ("macosx_14_0_x86_64",),
}
"""The platforms in the names of wheels that run there; pip knows the older ones of macOS."""


def fetch_wheels(folder: Path, platform: Platform | None = None, python: str | None = None) -> Sequence[Path]:
    """Put the wheels of all that a plugin needs into its folder `wheels`, and nothing if one cannot be had.

    What is there already stays, and is fetched from there rather than from elsewhere.

    Args:
        folder: the plugin's.
        platform: where it is to be installed; None for a machine like this one.
        python: the version there, such as "3.12"; None for that of this Python.

    Returns:
        The wheels.

    Raises:
        BundleError: what it needs cannot be read, or cannot be had as wheels.
    """
    needs = read_needs(folder)
    if not needs.lines:
        return []
    wheels = folder / WHEELS
    with tempfile.TemporaryDirectory(prefix=".wheels-", dir=folder) as fetched:
        requirements = Path(fetched) / "requirements.txt"
        requirements.write_text("\n".join(needs.lines) + "\n", encoding="utf-8")
        known = ["--find-links", str(wheels)] if wheels.is_dir() else []
        _run([*_pip(), *known, *_target(platform, python), "--dest", fetched, "--requirement", str(requirements)])
        names = sorted(file.name for file in Path(fetched).glob("*.whl"))
        wheels.mkdir(exist_ok=True)
        for name in names:
            shutil.move(Path(fetched) / name, wheels / name)
    return [wheels / name for name in names]


def _pip() -> list[str]:
    """What fetches packages, as far as that is the same for all: uv cannot, but can run pip."""
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip"]
    elif uvx := shutil.which("uvx"):
        pip = [uvx, "--python", sys.executable, "pip"]
    else:
        raise BundleError(f"wheels are fetched by pip, which is not here: {sys.executable} -m ensurepip, or install uv")
    return [*pip, "download", "--quiet", "--no-input", "--only-binary", ":all:"]


def _target(platform: Platform | None, python: str | None) -> list[str]:
    tags = TAGS[platform] if platform is not None else ()
    version = ["--python-version", python] if python is not None else []
    return [*version, *(option for tag in tags for option in ("--platform", tag))]


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BundleError(f"its dependencies were not fetched within {TIMEOUT:g} s") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        raise BundleError(f"its dependencies cannot be had as wheels: {' | '.join(lines[-SHOWN_LINES:])}")
