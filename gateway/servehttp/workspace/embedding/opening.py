"""Why a workspace cannot be opened, in one line that says what is there and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from servehttp.errors import WorkspaceError
from servehttp.workspace.settings import DATABASE_FILE, Settings
from servehttp.workspace.store.migrations import UnknownRevision
from servehttp.workspace.store.outages import PRIMARY_CODE, StoreUnavailable, first_line

REMEDIES = {
    sqlite3.SQLITE_NOTADB: "it is no SQLite database: move it away, or choose another folder with --data-dir",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore a backup, or save what can be read with sqlite3's .recover",
    sqlite3.SQLITE_CANTOPEN: "give the gateway's user the right to read and write it and its folder",
    sqlite3.SQLITE_PERM: "give the gateway's user the right to read and write it and its folder",
    sqlite3.SQLITE_READONLY: "give the gateway's user the right to write it and its folder",
    sqlite3.SQLITE_FULL: "free some space on its disk",
    sqlite3.SQLITE_BUSY: "another process writes to it and does not end: stop that",
}
OTHER_FOLDER = "name a folder that the gateway's user can write with --data-dir, or have it write this one"


@contextmanager
def explaining(settings: Settings) -> Iterator[None]:
    """Turn what goes wrong while the workspace of these settings is opened into a `WorkspaceError`."""
    try:
        yield
    except (OSError, SQLAlchemyError, ImportError, StoreUnavailable, UnknownRevision) as error:
        # A driver that is not installed cannot be imported.
        raise WorkspaceError(f"the workspace cannot be opened: {_reason(error, settings)}") from error


def _reason(error: Exception, settings: Settings) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; {OTHER_FOLDER}"
    file = None if settings.workspace.database_url else settings.data_dir / DATABASE_FILE
    if isinstance(error, StoreUnavailable) and file is not None:
        return f"{file}: {first_line(error)}; {_remedy(error, file)}"
    return first_line(error)


def _remedy(error: StoreUnavailable, file: Path) -> str:
    if file.is_dir():
        return "it is a folder: move it away, or choose another one with --data-dir"
    cause = error.__cause__.orig if isinstance(error.__cause__, DBAPIError) else None
    code: int = getattr(cause, "sqlite_errorcode", 0)
    return REMEDIES.get(code & PRIMARY_CODE, "the system's log may say more")
