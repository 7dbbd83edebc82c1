"""Now and then, rows are deleted that count no longer; until then nobody sees them."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import structlog

from servehttp.aio import meanwhile
from servehttp.workspace.store.alone import run_alone
from servehttp.workspace.workspace import Workspace

log = structlog.get_logger("servehttp.workspace")


def cleaning_up(workspace: Workspace, interval: float) -> AbstractAsyncContextManager[None]:
    """Within it, a workspace is cleaned up at once and every `interval` seconds, unless another gateway is at it."""
    return meanwhile(_keep(workspace, interval), name="clean-up")


async def _keep(workspace: Workspace, interval: float) -> None:
    while True:
        try:
            await run_alone(workspace.database, "clean-up", clean_up(workspace))
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
