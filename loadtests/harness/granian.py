"""Granian, an ASGI server in Rust, from PyPI in an environment of its own: the project does not depend on it.

The environment is made once and kept below build/, with the versions of starlette and uvloop that are measured.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

from harness.errors import NotMeasured

FOLDER = Path(__file__).resolve().parents[2] / "build/granian"
VERSION = "2.8.7"
SAME = ("starlette", "uvloop")
"""What has to be of the same version there."""
TIMEOUT = 300
"""Seconds."""


def program() -> Path:
    """Granian's program, which is installed if it is not here.

    Raises:
        NotMeasured: it cannot be installed.
    """
    wanted = [f"granian=={VERSION}", *(f"{name}=={importlib.metadata.version(name)}" for name in SAME)]
    record = FOLDER / "requirements.txt"
    if not record.exists() or record.read_text(encoding="utf-8").split() != [sys.version.split()[0], *wanted]:
        _install(wanted)
        record.write_text("\n".join((sys.version.split()[0], *wanted)), encoding="utf-8")
    return FOLDER / "bin/granian"


def _install(wanted: list[str]) -> None:
    print("installing Granian …", file=sys.stderr, flush=True)
    python = str(FOLDER / "bin/python")
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(FOLDER)],
        [python, "-m", "pip", "install", "--quiet", *wanted],
    ):
        try:
            subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
        except subprocess.SubprocessError as error:
            raise NotMeasured(f"Granian cannot be installed: {_last_line(error)}") from error


def _last_line(error: subprocess.SubprocessError) -> str:
    text = str(getattr(error, "stderr", None) or error)
    return text.strip().splitlines()[-1]
