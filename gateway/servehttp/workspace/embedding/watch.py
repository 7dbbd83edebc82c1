"""Now and then it is tried whether the database serves, so that /readyz tells of an outage, and of its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from servehttp.workspace.store.outages import StoreUnavailable
from servehttp.workspace.workspace import Workspace

CHECKED = "LastStoreCheck"
"""The fact that is written where only writing tells."""

log = structlog.get_logger("servehttp.workspace")


@contextlib.asynccontextmanager
async def watching(workspace: Workspace, interval: float) -> AsyncIterator[None]:
    """Meanwhile, try every `interval` seconds."""
    watch = asyncio.create_task(_watch(workspace, interval), name="watch over the database")
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def look(workspace: Workspace) -> None:
    """Read, and write where the last write failed: `Database.trouble` is what comes of it.

    Raises:
        StoreUnavailable: the database cannot serve now.
    """
    await workspace.system_properties.get(CHECKED)
    if workspace.database.trouble is not None:
        await workspace.system_properties.put(CHECKED, str(workspace.clock()))


async def _watch(workspace: Workspace, interval: float) -> None:
    known: str | None = None
    while True:
        await asyncio.sleep(interval)
        try:
            await look(workspace)
        except StoreUnavailable:
            pass  # the trouble is known then
        except Exception:  # the next time may be better
            log.exception("the database could not be looked at")
        known, before = workspace.database.trouble, known
        if known != before:
            _tell(known)


def _tell(trouble: str | None) -> None:
    if trouble is None:
        log.info("the workspace's database serves again")
    else:
        log.error("the workspace's database is not available", reason=trouble)
