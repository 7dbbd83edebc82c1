"""The database, and transactions in it.

Writers take turns: in SQLite by BEGIN IMMEDIATE, in PostgreSQL by an advisory lock, and in one process by a lock before
either. So in a transaction what was read stays true until it commits, on every database, and nothing has to be tried
again. A transaction that is opened within another one of the same task is part of it, so methods that write can call
one another; if it raises, only what it did itself is taken back. Nothing slow may be awaited in one, least of all a
hook: the plugin could call back, and would wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

WRITER_LOCK = 0x7365727665687474
"""The advisory lock that PostgreSQL's writers take turns by: "servehtt"."""

WRITING = "servehttp_writing"

FollowUp: TypeAlias = Callable[[], Awaitable[None] | None]
"""What is done after a commit; what it returns, if anything, is waited for."""


@dataclass
class _Open:
    """A transaction, the task it belongs to, and what follows its commit."""

    connection: AsyncConnection
    owner: asyncio.Task[Any] | None
    writing: bool
    after: list[FollowUp] = field(default_factory=list)


_current: ContextVar[_Open | None] = ContextVar("transaction", default=None)


class Database:
    """An open database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._turn = asyncio.Lock()

    @classmethod
    def open(cls, url: str, *, busy_timeout: float) -> Database:
        """Make ready to connect; the first transaction does.

        Args:
            url: as SQLAlchemy writes it; `sqlite:` and `postgresql:` get the drivers that are installed with us.
            busy_timeout: seconds that a SQLite writer waits for one of another process.
        """
        engine = create_async_engine(_with_driver(make_url(url)))
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine, busy_timeout)
        return cls(engine)

    @classmethod
    def open_file(cls, path: Path, *, busy_timeout: float) -> Database:
        """The same for a SQLite file, which is made when there is none."""
        return cls.open(f"sqlite:///{path}", busy_timeout=busy_timeout)

    @property
    def dialect(self) -> str:
        """Which kind of database: "sqlite", "postgresql"."""
        return self._engine.dialect.name

    @property
    def in_transaction(self) -> bool:
        """Whether the running task has a transaction open."""
        return self._joined() is not None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Write: commits at the end, and rolls back if the block raises.

        Raises:
            RuntimeError: the task reads in an open `reading()` block, which cannot turn into a writer.
        """
        joined = self._joined()
        if joined is not None:
            async with self._nested(joined) as connection:
                yield connection
            return
        after: list[FollowUp] = []
        async with self._turn, self._engine.connect() as plain:
            connection = await plain.execution_options(**{WRITING: True})
            async with connection.begin(), self._entered(connection, writing=True) as opened:
                await self._take_turn(connection)
                yield connection
                after = opened.after
        await _follow_up(after)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Read, without waiting for writers; within a transaction, what that has written is seen."""
        joined = self._joined()
        if joined is not None:
            yield joined.connection
            return
        async with (
            self._engine.connect() as connection,
            connection.begin(),
            self._entered(connection, writing=False),
        ):
            yield connection

    def after_commit(self, follow_up: FollowUp) -> None:
        """Do something once the open transaction is committed, or at once if there is none; not after a roll-back.

        This is how events and notifying hooks are sent: they tell of nothing that did not happen. What a follow-up
        returns is waited for before the transaction is left, when no lock is held any more; outside of a transaction
        nobody waits.
        """
        joined = self._joined()
        if joined is None:
            follow_up()
        else:
            joined.after.append(follow_up)

    async def close(self) -> None:
        """Hang up."""
        await self._engine.dispose()

    def _joined(self) -> _Open | None:
        opened = _current.get()
        # A task that was started in a transaction inherits the context, but not the transaction.
        return opened if opened is not None and opened.owner is asyncio.current_task() else None

    @asynccontextmanager
    async def _entered(self, connection: AsyncConnection, *, writing: bool) -> AsyncIterator[_Open]:
        opened = _Open(connection, asyncio.current_task(), writing)
        token = _current.set(opened)
        try:
            yield opened
        finally:
            _current.reset(token)

    @asynccontextmanager
    async def _nested(self, opened: _Open) -> AsyncIterator[AsyncConnection]:
        """A part of a transaction, which leaves nothing behind if it raises, whatever becomes of the whole."""
        if not opened.writing:
            raise RuntimeError("a reading block cannot be written in: open transaction() around both")
        before = len(opened.after)
        try:
            async with opened.connection.begin_nested():
                yield opened.connection
        except BaseException:
            del opened.after[before:]
            raise

    async def _take_turn(self, connection: AsyncConnection) -> None:
        if self.dialect == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITER_LOCK})


async def _follow_up(after: list[FollowUp]) -> None:
    """Do all that follows a commit, and only then wait for what takes time."""
    waiting = [wait for wait in [follow_up() for follow_up in after] if wait is not None]
    if waiting:
        await asyncio.gather(*waiting)


def _with_driver(url: URL) -> URL:
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    return url.set(drivername=drivers.get(url.drivername, url.drivername))


def _prepare_sqlite(engine: AsyncEngine, busy_timeout: float) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions in its own way
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={int(busy_timeout * 1000)}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
