"""What other processes remember of tokens, when sessions have changed here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import structlog

from servehttp.identity import Memories

log = structlog.get_logger("servehttp.workspace")


def forget_everywhere(memories: Memories, timeout: float, user_id: str) -> Awaitable[None]:
    """Tell other processes, at once, that a user's sessions have changed; what is returned waits until all know.

    One that does not answer within so many seconds is waited for no longer: there, what is remembered still ends by its
    age.
    """
    return _within(timeout, memories.forget(user_id))


async def _within(timeout: float, forgotten: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(timeout):
            await forgotten
    except TimeoutError:
        log.warning("a worker has not said in time that it forgot a user's sessions", seconds=timeout)
