"""The command as people run it: a process with its output and exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TIMEOUT = 60.0


def run(*arguments: str | int | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m servehttp` with these arguments, in an environment without settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("SERVEHTTP_")}
    return subprocess.run(
        [sys.executable, "-m", "servehttp", *map(str, arguments)],
        cwd=cwd,
        env={**inherited, "COLUMNS": "200", "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
