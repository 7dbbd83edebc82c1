"""Whether the Python files of a plugin are Python, for the interpreter that will run them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from servehttp.errors import InterpreterError, ManifestError

TIMEOUT = 60.0
"""Seconds for all files of a plugin."""

PROGRAM = """
import json, sys
problems = []
for path in json.load(sys.stdin):
    try:
        with open(path, "rb") as file:
            compile(file.read(), path, "exec", dont_inherit=True)
    except SyntaxError as error:
        problems.append((path, error.lineno or 1, error.msg))
    except (ValueError, RecursionError, MemoryError) as error:
        problems.append((path, 1, str(error) or type(error).__name__))
json.dump(problems, sys.stdout)
"""
"""Reads the paths as JSON, and writes what is wrong: path, line, problem."""


def check_syntax(interpreter: Path, folder: Path, files: Sequence[str]) -> None:
    """Make sure that files of a plugin can be compiled.

    Args:
        interpreter: the plugin's Python.
        folder: the plugin's.
        files: below it; those that do not end in `.py` are passed over.

    Raises:
        ManifestError: one cannot; the text has its line.
        InterpreterError: the interpreter does not run.
    """
    for path, line, problem in _ask(interpreter, [str(folder / file) for file in files if file.endswith(".py")]):
        raise ManifestError(Path(path), f"line {line}", problem, "correct the Python")


def _ask(interpreter: Path, paths: list[str]) -> list[tuple[str, int, str]]:
    try:
        done = subprocess.run(
            [interpreter, "-I", "-S", "-c", PROGRAM],
            input=json.dumps(paths),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=True,
        )
        problems: list[tuple[str, int, str]] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise InterpreterError(interpreter, f"cannot check the plugin: {error}", "make its environment anew") from error
    return problems
