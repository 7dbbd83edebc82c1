"""The database, and transactions in it.

Writers take turns: in SQLite by BEGIN IMMEDIATE, in PostgreSQL by an advisory lock, and in one process by a lock before
either. So in a transaction what was read stays true until it commits, on every database, and nothing has to be tried
again. A transaction that is opened within another one of the same task is part of it, so methods that write can call
one another; if it raises, only what it did itself is taken back. Nothing slow may be awaited in one, least of all a
hook: the plugin could call back, and would wait for it.

Nobody waits for ever: not for a connection, nor for the turn, nor for a server that says nothing. What cannot be had is
`StoreUnavailable`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from servehttp.workspace.store.deadline import until
from servehttp.workspace.store.outages import StoreUnavailable, outages
from servehttp.workspace.store.sqlite import WRITING, connect_sqlite, prepare_sqlite

UNHURRIED = (
    "SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true), "
    "set_config('idle_in_transaction_session_timeout', '0', true)"
)
"""Sets PostgreSQL's own time-outs aside for one transaction."""
WRITER_LOCK = 0x7365727665687474
"""The advisory lock that PostgreSQL's writers take turns by: "servehtt"."""

CANCEL_LATER = 0.25
"""Seconds between the end of a connection and that of the wait for it: the one is orderly, the other in any case."""

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


@dataclass(frozen=True)
class Timeouts:
    """How long is waited for the database, in seconds."""

    connect: float = 5
    """For a connection to a server."""
    busy: float = 10
    """For a writer's turn."""
    transaction: float = 15
    """For all of a transaction with a server."""


@dataclass(frozen=True)
class Pool:
    """The connections to a server that one process has."""

    size: int = 15
    """How many at most."""
    pooler: bool = False
    """Whether they lead to a pooler that gives a session for each transaction."""


class Database:
    """An open database.

    Attributes:
        trouble: why it could not be read, or written, the last time that was tried; None where it could.
    """

    def __init__(self, engine: AsyncEngine, timeouts: Timeouts) -> None:
        self._engine = engine
        self._timeouts = timeouts
        self._turn = asyncio.Lock()
        self._troubles: dict[bool, str] = {}

    @classmethod
    def open(cls, url: str, timeouts: Timeouts, pool: Pool | None = None, *, make: bool = True) -> Database:
        """Make ready to connect; the first transaction does.

        Args:
            url: as SQLAlchemy writes it; `sqlite:` and `postgresql:` get the drivers that are installed with us.
            timeouts: how long is waited for it.
            pool: the connections to a server; SQLite has as many as it needs.
            make: whether a SQLite file is made when there is none.
        """
        return cls(_engine(_with_driver(make_url(url)), timeouts, pool or Pool(), make=make), timeouts)

    @property
    def timeouts(self) -> Timeouts:
        """How long is waited for it."""
        return self._timeouts

    @property
    def trouble(self) -> str | None:
        return next(iter(self._troubles.values()), None)

    @property
    def dialect(self) -> str:
        """Which kind of database: "sqlite", "postgresql"."""
        return self._engine.dialect.name

    @property
    def in_transaction(self) -> bool:
        """Whether the running task has a transaction open."""
        return self._joined() is not None

    @asynccontextmanager
    async def transaction(self, *, unhurried: bool = False) -> AsyncIterator[AsyncConnection]:
        """Write: commits at the end, and rolls back if the block raises.

        Args:
            unhurried: it may take long, and so may the wait for its turn.

        Raises:
            StoreUnavailable: the database cannot serve now.
            RuntimeError: the task reads in an open `reading()` block, which cannot turn into a writer.
        """
        joined = self._joined()
        if joined is not None:
            async with self._nested(joined) as connection:
                yield connection
            return
        after: list[FollowUp] = []
        with self._noting(writing=True):
            async with self._connected(writing=True, unhurried=unhurried) as plain:
                connection = await plain.execution_options(**{WRITING: True})
                async with connection.begin(), self._entered(connection, writing=True) as opened:
                    await self._take_turn(connection, unhurried)
                    yield connection
                    after = opened.after
        await _follow_up(after)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Read, without waiting for writers; within a transaction, what that has written is seen.

        Raises:
            StoreUnavailable: the database cannot serve now.
        """
        joined = self._joined()
        if joined is not None:
            yield joined.connection
            return
        with self._noting(writing=False):
            async with (
                self._connected(writing=False) as connection,
                connection.begin(),
                self._entered(connection, writing=False),
            ):
                yield connection

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[AsyncConnection]:
        """A transaction on a connection of its own, which no other transaction of the task is part of.

        Nothing here limits how long it lasts. It is for locks, not for data.

        Raises:
            StoreUnavailable: the database cannot serve now.
        """
        with outages():
            async with self._connected(writing=False, unhurried=True) as connection, connection.begin():
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

    @contextmanager
    def _noting(self, *, writing: bool) -> Iterator[None]:
        """Note whether the database serves."""
        try:
            with outages():
                yield
        except StoreUnavailable as error:
            self._troubles[writing] = str(error)
            raise
        self._troubles.pop(writing, None)

    @asynccontextmanager
    async def _connected(self, *, writing: bool, unhurried: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection, and for a writer the turn among those of this process, until the deadline."""
        deadline = None if unhurried else asyncio.get_running_loop().time() + self._timeouts.transaction
        with until(deadline):
            async with AsyncExitStack() as leaving:
                if writing:
                    await leaving.enter_async_context(self._own_turn(unhurried))
                try:
                    async with asyncio.timeout_at(None if deadline is None else deadline + CANCEL_LATER):
                        connection = await leaving.enter_async_context(self._engine.connect())
                except TimeoutError as error:
                    raise StoreUnavailable("no connection to the database in time") from error
                yield connection

    @asynccontextmanager
    async def _own_turn(self, unhurried: bool) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(None if unhurried else self._timeouts.busy):
                await self._turn.acquire()
        except TimeoutError as error:
            raise StoreUnavailable("another writer does not end") from error
        try:
            yield
        finally:
            self._turn.release()

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

    async def _take_turn(self, connection: AsyncConnection, unhurried: bool) -> None:
        if self.dialect != "postgresql":
            return
        if unhurried:
            await connection.execute(text(UNHURRIED))
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITER_LOCK})


async def _follow_up(after: list[FollowUp]) -> None:
    """Do all that follows a commit, and only then wait for what takes time."""
    waiting = [wait for wait in [follow_up() for follow_up in after] if wait is not None]
    if waiting:
        await asyncio.gather(*waiting)


def _with_driver(url: URL) -> URL:
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    return url.set(drivername=drivers.get(url.drivername, url.drivername))


def _engine(url: URL, timeouts: Timeouts, pool: Pool, *, make: bool) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, connect_args={"async_creator_fn": connect_sqlite})
        prepare_sqlite(engine, timeouts.busy, make=make)
        return engine
    connect: dict[str, Any] = {}
    if url.drivername == "postgresql+psycopg":
        from servehttp.workspace.store.postgresql import connecting, prepare_postgresql  # here, for psycopg is optional

        connect["async_creator_fn"] = connecting(timeouts.connect)
        if pool.pooler:
            connect["prepare_threshold"] = None  # what one session has prepared, the next one lacks
    engine = create_async_engine(
        url,
        pool_pre_ping=True,
        pool_size=pool.size,
        max_overflow=0,
        pool_timeout=timeouts.transaction,
        connect_args=connect,
    )
    if url.drivername == "postgresql+psycopg":
        prepare_postgresql(engine, timeouts.busy, timeouts.transaction, pooler=pool.pooler)
    return engine
