"""Settings that are read again while the gateway runs: what can change does; of the rest the log says it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from servehttp.errors import GatewayError
from servehttp.settings.changes import changes
from servehttp.settings.gateway import GatewaySettings

log = structlog.get_logger("servehttp.settings")


async def reread(
    before: GatewaySettings, read: Callable[[], GatewaySettings], change: Callable[[GatewaySettings], object]
) -> None:
    """Have the gateway go by what is written now; if that cannot be used, everything stays as it is.

    Args:
        before: the settings that hold.
        read: reads them, where they were read before.
        change: has the gateway go by others.
    """
    try:
        found = changes(before, await asyncio.to_thread(read))
    except GatewayError as error:
        log.error("the settings cannot be read again, and stay as they are", error=str(error))
        return
    for name in found.fixed:
        remedy = "start the gateway anew"
        log.warning("a setting cannot change while the gateway runs", setting=name, remedy=remedy)
    change(found.settings)
    log.info("settings were read again", changed=list(found.changed))
