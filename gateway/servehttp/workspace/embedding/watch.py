"""Now and then it is tried whether the database serves, so that /readyz tells of an outage, and of its end."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import structlog

from servehttp.aio import meanwhile
from servehttp.workspace.store.outages import StoreUnavailable
from servehttp.workspace.workspace import Workspace

CHECKED = "LastStoreCheck"
"""The property that is written where only writing tells."""

log = structlog.get_logger("servehttp.workspace")


def watching(workspace: Workspace, interval: float) -> AbstractAsyncContextManager[None]:
    """Within it, the database of a workspace is tried every `interval` seconds."""
    return meanwhile(_watch(workspace, interval), name="watch over the database")


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
            _log_change(known)


def _log_change(trouble: str | None) -> None:
    if trouble is None:
        log.info("the workspace's database serves again")
    else:
        log.error("the workspace's database is not available", reason=trouble)
