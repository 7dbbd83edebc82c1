"""SQLite, set up so that transactions are begun by us, and a file that is gone is not silently another one."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

from servehttp.workspace.store.outages import StoreUnavailable

WRITING = "servehttp_writing"
"""The execution option of a connection that is to write."""


async def connect_sqlite(*arguments: Any, **options: Any) -> aiosqlite.Connection:
    """Connect as the driver does; a failure is told once its thread has ended, which would otherwise miss the loop.

    Raises:
        sqlite3.Error: what `sqlite3.connect` raises.
    """
    connection = aiosqlite.connect(*arguments, **options)
    # SQLAlchemy stops one that it is closing, if whoever waits is cancelled: a second stop would wait for a thread that
    # has ended, for ever.
    connection.stop = functools.cache(connection.stop)  # type: ignore[method-assign]
    thread = connection._thread
    thread.daemon = True  # as SQLAlchemy has it: a disk that hangs does not hold up the end of the process
    try:
        return await connection
    except Exception:
        await asyncio.to_thread(thread.join)
        raise


def prepare_sqlite(engine: AsyncEngine, busy_timeout: float, *, make: bool) -> None:
    """Set up every connection of an engine.

    Args:
        engine: has no connection yet.
        busy_timeout: seconds that a writer waits for one of another process.
        make: whether a file is made when there is none.
    """
    name = engine.url.database
    watch = _Watch(Path(name), make=make) if name and name != ":memory:" else None

    @event.listens_for(engine.sync_engine, "do_connect")
    def before(*_: Any) -> None:
        if watch is not None:
            watch.check()  # for connecting would make an empty file

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        try:
            _configure(connection, busy_timeout)
            if watch is not None:
                watch.check()  # had the file gone meanwhile, this would be an empty one, and stay in the pool
        except BaseException:
            connection.close()  # the pool leaves it open
            raise
        if watch is not None:
            watch.begin()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        if watch is not None:
            watch.check()
        writing = connection.get_execution_options().get(WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _configure(connection: Any, busy_timeout: float) -> None:
    connection.isolation_level = None  # the driver must not begin transactions in its own way
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(busy_timeout * 1000)}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


class _Watch:
    """Sees that the file at a path is still the one that was opened first: SQLite itself would go on without it."""

    def __init__(self, path: Path, *, make: bool) -> None:
        self._path = path
        self._make = make
        self._opened = self._there()

    def begin(self) -> None:
        if self._opened is None:
            self._opened = self._there()

    def check(self) -> None:
        there = self._there()
        if there is None and not self._make and self._opened is None:
            raise StoreUnavailable(f"{self._path} is not there")
        if self._opened is not None and there != self._opened:
            raise StoreUnavailable(f"{self._path} is gone, or another file is in its place: restart the gateway")

    def _there(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino
