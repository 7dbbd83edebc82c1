"""The messages that the page on troubleshooting explains are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from docs.pages import DOCS, ROOT

PAGE = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
SHORTEST = 8
"""Characters of a part of a message that can be looked for."""

_FILLED_IN = re.compile(r"…|[;:,]|\b[A-Z_]{2,}\b|\d+(?:\.X)?|\((?:HTTP)?")


def texts(file: Path) -> Iterator[str]:
    """All texts in a file, with a blank where something is put in."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else " " for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def messages() -> list[str]:
    """What the first column of each table shows as a message."""
    return [text for row in re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE) for text in re.findall(r"`([^`]+)`", row)]


def test_messages_are_in_the_code() -> None:
    files = [file for folder in ("sdk", "gateway") for file in (ROOT / folder).rglob("*.py") if "_pb2" not in file.name]
    known = "\n".join(text for file in files for text in texts(file))
    parts = [part.strip(" .") for message in messages() for part in _FILLED_IN.split(message)]
    looked_for = {part for part in parts if len(part) >= SHORTEST} - {"Not Found", "Internal Server Error"}
    assert len(looked_for) > 40
    assert sorted(part for part in looked_for if part not in known) == []
