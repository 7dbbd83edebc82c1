"""Installs the programs that tests use beside Python, as root on Debian; tells of those that are missing.

Usage: python tests/install_tools.py

Tests that need one that is not there say so, and are skipped.
"""

from __future__ import annotations

import shutil

from interop import go_tools
from support import debian

PACKAGES = {
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "caddy": "caddy",
    "chromium": "chromium",
    "node": "nodejs",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "systemd-analyze": "systemd",
    "curl": "curl",
}
"""The package of each program."""


def missing() -> list[str]:
    """The programs that are not there."""
    return [program for program in PACKAGES if shutil.which(program) is None]


def main() -> None:
    debian.install(sorted({PACKAGES[program] for program in missing()}))
    go = go_tools.install_missing()
    for text in (go, *(f"{program} is missing: Debian's package {PACKAGES[program]} has it" for program in missing())):
        if text:
            print(f"tests will be skipped: {text}")


if __name__ == "__main__":
    main()
