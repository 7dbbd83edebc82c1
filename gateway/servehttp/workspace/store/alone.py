"""Work that one process does at a time, of all that share a database.

In PostgreSQL an advisory lock tells whose turn it is. It ends with the transaction that took it, so also with the
process, and with one that is not heard of for `Timeouts.transaction` seconds. SQLite has one gateway only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from servehttp.aio import first_completed
from servehttp.workspace.store.database import Database
from servehttp.workspace.store.deadline import until

LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
BEATS = 3
"""How often a server hears of who has a lock, within the time after which it would take it away."""


async def run_alone(database: Database, name: str, work: Coroutine[Any, Any, None]) -> bool:
    """Do something unless another process is at it; returns whether it was done.

    Args:
        database: what the processes share.
        name: what is done.
        work: it may take long, but must bear to be cancelled: that is done when the lock is lost.

    Raises:
        StoreUnavailable: the database cannot serve now, or the lock was lost.
    """
    try:
        if database.dialect != "postgresql":
            await work
            return True
        async with database.apart() as connection:
            if not (await connection.execute(LOCK, {"name": f"servehttp {name}"})).scalar_one():
                return False
            await first_completed(work, _hold(connection, database.timeouts.transaction / BEATS))
            return True
    finally:
        work.close()  # it is nothing new to one that has ended


async def _hold(connection: AsyncConnection, interval: float) -> None:
    """Have the server hear of us, and raise once it does not answer."""
    while True:
        await asyncio.sleep(interval)
        with until(asyncio.get_running_loop().time() + interval):
            await connection.execute(text("SELECT 1"))
