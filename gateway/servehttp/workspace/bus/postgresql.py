"""The bus over PostgreSQL: messages are rows, and NOTIFY says that there are new ones.

Whoever publishes writes its messages in a transaction under a lock of the bus's own, so that the rows' numbers are in
the order of their commits, and each end reads on from the last number that it knows: after a lost connection as well,
so that nothing is missed and nothing comes twice. A row that was written before the connection broke is not written
again, for each has the number that its sender gave it. Two connections are held, both to the server itself: a pooler
that lends one for a transaction at a time loses LISTEN.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog
from sqlalchemy.engine import make_url

from servehttp.workspace.bus.bus import Message, Receive
from servehttp.workspace.store.deadline import until
from servehttp.workspace.store.postgresql import BoundedConnection, connecting

TABLE: Final = "gateway_bus"
CHANNEL: Final = "gateway_bus"
LOCK: Final = 0x7365727665627573
"""The advisory lock that those who publish take turns by: "servebus"."""
BATCH: Final = 500
"""Messages that are written, or read, at a time."""
PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds until a lost connection is made again, the last one for all that follow."""

LOST: Final = "lost"
"""The kind of the row that says that rows before it were never written."""

MAKE: Final = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} (id bigserial PRIMARY KEY, node text NOT NULL, number bigint NOT NULL, "
    "kind text NOT NULL, body text NOT NULL, at timestamptz NOT NULL DEFAULT now(), UNIQUE (node, number))"
)
WRITE: Final = (
    f"INSERT INTO {TABLE} (node, number, kind, body) VALUES (%s, %s, %s, %s) ON CONFLICT (node, number) DO NOTHING"
)
READ: Final = f"SELECT id, node, kind, body FROM {TABLE} WHERE id > %s ORDER BY id LIMIT {BATCH}"
FORGET: Final = f"DELETE FROM {TABLE} WHERE at < now() - make_interval(secs => %s)"
LAST: Final = f"SELECT coalesce(max(id), 0) FROM {TABLE}"

log = structlog.get_logger("servehttp.workspace")


@dataclass(frozen=True)
class BusTimes:
    """How long things take, in seconds, and how much there may be.

    Attributes:
        timeout: for each exchange with the server, a connection among them.
        check: from one look to the next where nothing is told, by which a server that is gone is noticed.
        kept: for which messages are kept: an end that was away longer has lost some.
        waiting: messages that may wait to be told.
    """

    timeout: float = 5.0
    check: float = 5.0
    kept: float = 600.0
    waiting: int = 10_000


class PostgreSQLBus:
    """One gateway's end; a `Bus`.

    Args:
        url: of the database, as SQLAlchemy writes it; of the server itself.
        times: how long things take.

    Attributes:
        node: its name.
    """

    def __init__(self, url: str, times: BusTimes | None = None) -> None:
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._times = times or BusTimes()
        self.node = secrets.token_hex(8)
        self._published = 0
        self._waiting: deque[tuple[int, Message]] = deque()
        self._overflowed = False
        self._more = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, receive: Receive, lost: Callable[[], None]) -> None:
        """Take part from now on; without a server it is tried again and again."""
        self._receive, self._lost = receive, lost
        self._last: int | None = None
        self._read_at = time.monotonic()
        self._ready = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._again_and_again(self._tell), name="bus, telling"),
            asyncio.create_task(self._again_and_again(self._listen), name="bus, listening"),
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._times.timeout):
                await self._ready.wait()

    def publish(self, message: Message) -> None:
        """Tell the others; of more than may wait the oldest are dropped, and the others told that some were lost."""
        if len(self._waiting) >= self._times.waiting:
            self._waiting.popleft()
            if not self._overflowed:
                log.warning("messages to other gateways are too many, and some are lost", waiting=len(self._waiting))
            self._overflowed = True
        self._published += 1
        self._waiting.append((self._published, message))
        self._empty.clear()
        self._more.set()

    async def close(self) -> None:
        """Take part no more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._times.timeout):
                await self._empty.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _again_and_again(self, use: Callable[[BoundedConnection], Any]) -> None:
        """Use a connection for ever, and another one when it is lost."""
        failures = 0
        while True:
            try:
                connection = await self._connect()
                try:
                    if failures:
                        log.info("the bus between gateways works again")
                    failures = 0
                    await use(connection)
                finally:
                    with contextlib.suppress(psycopg.Error, OSError):
                        await connection.close()
            except (psycopg.Error, OSError) as error:
                if not failures:
                    log.warning("the bus between gateways is interrupted", reason=str(error).strip())
                failures += 1
            except Exception:  # a fault of ours must not end it
                log.exception("the bus between gateways failed")
                failures += 1
            await asyncio.sleep(PAUSES[min(max(failures, 1), len(PAUSES)) - 1])

    async def _connect(self) -> BoundedConnection:
        connection = await connecting(self._times.timeout)(self._dsn, autocommit=True)
        try:
            with self._in_time():
                async with connection.transaction():
                    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
                    await connection.execute(MAKE)
        except BaseException:
            await connection.close()
            raise
        return connection

    # To others

    async def _tell(self, connection: BoundedConnection) -> None:
        forgotten = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._times.check):
                    await self._more.wait()
            batch = [self._waiting[place] for place in range(min(BATCH, len(self._waiting)))]
            with self._in_time():
                if batch:
                    await self._write(connection, batch)
                elif time.monotonic() - forgotten > self._times.kept / 10:
                    await connection.execute(FORGET, (self._times.kept,))
                    forgotten = time.monotonic()
                else:
                    await connection.execute("SELECT 1")
            self._written(batch)

    async def _write(self, connection: BoundedConnection, batch: Sequence[tuple[int, Message]]) -> None:
        rows = [(self.node, number, message.kind, message.body) for number, message in batch]
        overflowed, self._overflowed = self._overflowed, False
        if overflowed:
            rows.insert(0, (self.node, -batch[0][0], LOST, ""))
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
                async with connection.cursor() as cursor:
                    await cursor.executemany(WRITE, rows)
                await connection.execute(f"NOTIFY {CHANNEL}")
        except BaseException:
            self._overflowed = self._overflowed or overflowed
            raise

    def _written(self, batch: Sequence[tuple[int, Message]]) -> None:
        last = batch[-1][0] if batch else 0
        while self._waiting and self._waiting[0][0] <= last:
            self._waiting.popleft()
        if not self._waiting:
            self._more.clear()
            self._empty.set()

    # From others

    async def _listen(self, connection: BoundedConnection) -> None:
        with self._in_time():
            await connection.execute(f"LISTEN {CHANNEL}")
        while True:
            await self._read(connection)
            self._ready.set()
            async for _ in connection.notifies(timeout=self._times.check, stop_after=1):
                pass  # psycopg keeps those that come while something else is read

    async def _read(self, connection: BoundedConnection) -> None:
        """All that is new."""
        if self._last is None:
            with self._in_time():
                [self._last] = await self._one(connection, LAST)
        elif time.monotonic() - self._read_at > self._times.kept:
            self._lost()
        rows: list[Any] = [None] * BATCH
        while len(rows) == BATCH:
            with self._in_time():
                cursor = await connection.execute(READ, (self._last,))
                rows = await cursor.fetchall()
            for number, node, kind, body in rows:
                self._last = number
                if node != self.node:
                    self._take(kind, body)
        self._read_at = time.monotonic()

    def _take(self, kind: str, body: str) -> None:
        if kind == LOST:
            self._lost()
        else:
            self._receive(Message(kind, body))

    async def _one(self, connection: BoundedConnection, query: str) -> tuple[Any, ...]:
        row = await (await connection.execute(query)).fetchone()
        assert row is not None, "an aggregate has a row"
        return tuple(row)

    def _in_time(self) -> contextlib.AbstractContextManager[None]:
        return until(asyncio.get_running_loop().time() + self._times.timeout)
