"""The programs that are not Python's: installed where they are missing and that is allowed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

PACKAGES = {"wrk": "wrk", "nginx": "nginx-light", "valgrind": "valgrind"}
TIMEOUT = 300
"""Seconds."""


def install_missing(names: Sequence[str]) -> list[str]:
    """Install what is missing if we are root on Debian; returns a sentence for everything that is still missing."""
    missing = [name for name in names if not installed(name)]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        _install([PACKAGES[name] for name in missing])
    return [
        f"{name} is missing, and what needs it is not measured (apt-get install {PACKAGES[name]})"
        for name in missing
        if not installed(name)
    ]


def installed(name: str) -> bool:
    """Whether a program is here; nginx lives in /usr/sbin, which is not on everybody's path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


def _install(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=TIMEOUT, check=False)
