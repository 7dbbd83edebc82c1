"""PostgreSQL within time-outs: the server keeps those that it can, and we those of a server that says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

from servehttp.workspace.store.deadline import DEADLINE

LIMITS = (
    "SELECT set_config('lock_timeout', %s, {local}), set_config('statement_timeout', %s, {local}), "
    "set_config('idle_in_transaction_session_timeout', %s, {local})"
)
SESSION = LIMITS.format(local="false")
TRANSACTION = LIMITS.format(local="true")
KEEPALIVE = (
    "SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false), "
    "set_config('tcp_keepalives_count', '3', false)"
)
"""Has the server find a client whose machine is gone, also where a transaction may take as long as it likes."""


class BoundedConnection(psycopg.AsyncConnection[Any]):
    """A connection that hangs up when the server has not answered at the deadline."""

    async def wait(self, *args: Any, **options: Any) -> Any:
        """Wait for the server, as psycopg does for every step of every statement."""
        deadline = DEADLINE.get()
        if deadline is None:
            return await super().wait(*args, **options)
        # Not by cancelling: psycopg would ask the server, which says nothing, to cancel the statement.
        timer = asyncio.get_running_loop().call_at(deadline, self._hang_up)
        try:
            return await super().wait(*args, **options)
        except psycopg.OperationalError as error:
            if asyncio.get_running_loop().time() < deadline:
                raise
            raise psycopg.OperationalError("the server has not answered in time") from error
        finally:
            timer.cancel()

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.pgconn.socket)) as ours:
            ours.shutdown(socket.SHUT_RDWR)


def connecting(timeout: float) -> Callable[..., Awaitable[BoundedConnection]]:
    """What connects within so many seconds."""

    async def connect(*args: Any, **options: Any) -> BoundedConnection:
        try:
            async with asyncio.timeout(timeout):
                return await BoundedConnection.connect(*args, **options)
        except TimeoutError:
            raise psycopg.OperationalError(f"no connection within {timeout:g} s") from None

    return connect


def prepare_postgresql(engine: AsyncEngine, busy_timeout: float, transaction_timeout: float, *, pooler: bool) -> None:
    """Have the server end what takes too long as well: nobody else would end it when this process is gone.

    Args:
        engine: has no connection yet.
        busy_timeout: seconds that a lock is waited for.
        transaction_timeout: seconds that a statement takes, or that nothing comes in a transaction.
        pooler: whether each transaction may have another session, so that nothing is set for longer than one.
    """
    limits = tuple(f"{int(seconds * 1000)}ms" for seconds in (busy_timeout, transaction_timeout, transaction_timeout))
    if pooler:

        @event.listens_for(engine.sync_engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(TRANSACTION, limits)

        return

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(SESSION, limits)
        cursor.execute(KEEPALIVE)
        cursor.close()
        connection.commit()
