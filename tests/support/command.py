"""The command as people run it: a process with its output and exit code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support import forked

TIMEOUT = 60.0


def run(*arguments: str | int | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m servehttp` with these arguments, in an environment without settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("SERVEHTTP_")}
    environment = {**inherited, "COLUMNS": "200", "NO_COLOR": "1", **environment}
    return forked.run([*map(str, arguments)], environment, cwd or Path.cwd(), TIMEOUT)
