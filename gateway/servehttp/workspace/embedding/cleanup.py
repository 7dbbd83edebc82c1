"""Now and then, rows are deleted that count no longer; until then nobody sees them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from servehttp.workspace.workspace import Workspace

log = structlog.get_logger("servehttp.workspace")


@contextlib.asynccontextmanager
async def cleaning_up(workspace: Workspace, interval: float) -> AsyncIterator[None]:
    """Meanwhile, clean up a workspace at once and every `interval` seconds."""
    keeper = asyncio.create_task(_keep(workspace, interval), name="clean-up")
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


async def _keep(workspace: Workspace, interval: float) -> None:
    while True:
        try:
            await clean_up(workspace)
        except Exception:  # the next time may be better
            log.exception("clean-up failed")
        await asyncio.sleep(interval)


async def clean_up(workspace: Workspace) -> None:
    """Forget keys and sessions that have expired, and uploads that were given up."""
    keys = await workspace.kv.forget_expired()
    sessions = await workspace.sessions.forget_expired()
    uploads = await workspace.uploads.forget_old()
    if keys or sessions or uploads:
        log.info("forgotten", keys=keys, sessions=sessions, uploads=uploads)
