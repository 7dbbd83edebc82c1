"""Debian's packages, for what tests use that no Python package brings."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence

INSTALL_TIMEOUT = 600
"""Seconds for the lists of packages, and again for the packages."""


def can_install() -> bool:
    """Whether this process may install packages."""
    return shutil.which("apt-get") is not None and os.geteuid() == 0


def install(packages: Sequence[str]) -> None:
    """Install packages if there are any and that is possible; what failed is seen by what is missing afterwards."""
    if not packages or not can_install():
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = ["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    with contextlib.suppress(subprocess.TimeoutExpired):
        for command in commands:
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=INSTALL_TIMEOUT, check=False)
