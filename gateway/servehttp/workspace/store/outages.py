"""The store is there, or it is not: which errors say that nobody is to blame who asked for something."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

SQLITE_OUTAGES = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOTADB,
    )
)
PRIMARY_CODE = 0xFF
"""Which bits of a code of SQLite's say the kind of error."""
POSTGRESQL_OUTAGES = frozenset(("25006", "57P01", "57P02", "57P03", "57P05", "25P03"))
"""A standby took over, or the server stops or starts, or it ended a connection that was idle for too long."""
FILE_OUTAGES = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EMFILE, errno.ENFILE))


class StoreUnavailable(Exception):
    """The database, or the folder of files, cannot serve now: down, silent, locked, full, read-only.

    Nothing is wrong with what was asked for, and nobody can say what the answer would have been: over HTTP it is 503,
    over gRPC UNAVAILABLE. The message is for the log.
    """


@contextmanager
def outages() -> Iterator[None]:
    """Turn the database's errors that are outages into `StoreUnavailable`."""
    try:
        yield
    except DBAPIError as error:
        if not is_outage(error):
            raise
        raise StoreUnavailable(first_line(error.orig)) from error
    except PoolTimeout as error:
        raise StoreUnavailable("every connection to the database is in use") from error


@contextmanager
def file_outages() -> Iterator[None]:
    """Turn errors of the file system that are outages into `StoreUnavailable`."""
    try:
        yield
    except OSError as error:
        if error.errno not in FILE_OUTAGES:
            raise
        raise StoreUnavailable(f"files: {error.strerror}") from error


def is_outage(error: DBAPIError) -> bool:
    """Whether an error says that the database cannot serve, and nothing of the statement."""
    if isinstance(error.orig, sqlite3.Error):
        code: int = getattr(error.orig, "sqlite_errorcode", 0)  # the module's own errors have none
        return code & PRIMARY_CODE in SQLITE_OUTAGES
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or isinstance(error, OperationalError) or state in POSTGRESQL_OUTAGES


def first_line(error: object) -> str:
    """What an error says, in one line."""
    return str(error).strip().partition("\n")[0]
