"""Tokens by which plugins on other machines prove who they are: a file that says whose token has which digest.

Each line is `ID sha256:DIGEST`. The file is read again when it changes, so that a token can be taken back.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

KIND: Final = "sha256:"
LARGEST_FILE: Final = 1024 * 1024
"""Bytes of it that are read."""
LONGEST_TOKEN: Final = 200
"""Characters; a longer one is nobody's."""

log = structlog.get_logger("servehttp.api")


class PluginTokens:
    """Whose tokens there are.

    Args:
        file: where that stands; it may be missing for now.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, int, int] | None = None
        self._ids: Mapping[str, str] = {}

    def plugin_of(self, token: str) -> str | None:
        """Whose a token is; None for nobody's."""
        self._read_again()
        return self._ids.get(_digest(token)) if 0 < len(token) <= LONGEST_TOKEN else None

    def _read_again(self) -> None:
        try:
            found = self._file.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen == self._seen:
                return
            with self._file.open("rb") as file:
                text = file.read(LARGEST_FILE).decode(errors="replace")
        except OSError as error:
            if self._seen is not None or not isinstance(error, FileNotFoundError):
                log.warning("tokens of plugins cannot be read; none counts", file=str(self._file), reason=str(error))
            self._seen, self._ids = None, {}
            return
        self._seen = seen
        self._ids = dict(pair for line in text.splitlines() if (pair := _read_line(line)) is not None)


def add_token(file: Path, plugin_id: str) -> str:
    """Make a token for a plugin, beside those that it has, and add it to the file; returns the token.

    Raises:
        OSError: the file cannot be written.
    """
    token = secrets.token_urlsafe(32)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with open(descriptor, "ab") as lines:
        lines.write(f"{plugin_id} {KIND}{_digest(token)}\n".encode())
    return token


def _read_line(line: str) -> tuple[str, str] | None:
    """A digest and whose it is; None for what is empty, a comment, or no such line."""
    words = line.split()
    if len(words) != 2 or words[0].startswith("#") or not words[1].startswith(KIND):
        return None
    return words[1].removeprefix(KIND).lower(), words[0].lower()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
