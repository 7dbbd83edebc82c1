"""What a plugin's last words on stderr say of why it ended: the error, and where in its own files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
ERROR = re.compile(r"(?:[A-Za-z_][\w.]*\.)?[A-Za-z_]\w*(?:Error|Exception|Exit|Interrupt|Warning)(?::.*)?")
UNDERLINE = re.compile(r"[\s^~]+")
"""A line of a trace that points into the one above it, and says nothing without that."""

LASTING = frozenset(("SyntaxError", "IndentationError", "TabError", "ImportError", "ModuleNotFoundError"))
"""Errors that come again for as long as the same files are there."""


@dataclass(frozen=True)
class Cause:
    """Why a plugin ended.

    Attributes:
        error: the exception's line, whole.
        file: the last of the plugin's own files that the trace names; None where it names none.
        line: where in that file; 0 where there is no file.
    """

    error: str
    file: Path | None = None
    line: int = 0

    @property
    def lasts(self) -> bool:
        """Whether the same files would fail in the same way again."""
        return self.file is not None and self.error.partition(":")[0] in LASTING

    @property
    def lacks_package(self) -> bool:
        """Whether it imports a module that is not there."""
        return self.error.partition(":")[0] == "ModuleNotFoundError"

    def __str__(self) -> str:
        return self.error if self.file is None else f"{self.error} ({self.file.name}, line {self.line})"


def find_cause(lines: Iterable[str], folder: Path) -> Cause | None:
    """The cause in the last lines of a plugin's stderr; None where they hold no exception.

    Args:
        lines: in order, without ends.
        folder: the plugin's.
    """
    error: str | None = None
    file: Path | None = None
    line = 0
    for text in lines:
        stripped = text.strip()
        if place := PLACE.search(stripped):
            path = Path(place["file"])
            if path.is_relative_to(folder):
                file, line = path, int(place["line"])
        elif ERROR.fullmatch(stripped):
            error = stripped
    return None if error is None else Cause(error, file, line)
