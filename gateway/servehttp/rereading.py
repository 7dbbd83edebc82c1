"""Settings that are read again while the gateway runs: what can change does; of the rest the log says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from servehttp.errors import GatewayError
from servehttp.settings.changes import changes
from servehttp.settings.gateway import GatewaySettings

SettingsT = TypeVar("SettingsT", bound=GatewaySettings)

log = structlog.get_logger("servehttp.settings")


class SettingsReader(Generic[SettingsT]):
    """Reads them again.

    Args:
        settings: those that hold.
        read: reads them, where they were read before.
        change: has the gateway go by others.
    """

    def __init__(
        self, settings: SettingsT, read: Callable[[], SettingsT], change: Callable[[SettingsT], object]
    ) -> None:
        self._settings = settings
        self._read = read
        self._change = change

    async def reread(self) -> None:
        """Have the gateway go by what is written now; if that cannot be used, everything stays as it is."""
        try:
            read = await asyncio.to_thread(self._read)
        except GatewayError as error:
            log.error("the settings cannot be read again, and stay as they are", error=str(error))
            return
        found = changes(self._settings, read)
        for name in found.fixed:
            remedy = "start the gateway anew"
            log.warning("a setting cannot change while the gateway runs", setting=name, remedy=remedy)
        self._settings = found.settings
        self._change(found.settings)
        log.info("settings were read again", changed=list(found.changed))
