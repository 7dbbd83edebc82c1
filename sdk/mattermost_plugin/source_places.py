"""Where something was written, for messages about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any


def place_of(function: Callable[..., Any]) -> str:
    """The file and the line of a function, as `plugin.py:12`; of what is like none, what it is."""
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    return repr(function) if code is None else f"{_short(code.co_filename)}:{code.co_firstlineno}"


def _short(filename: str) -> str:
    """A path as people name it: from the working directory, if it is below that."""
    try:
        return str(Path(filename).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return filename
