"""From which level on is logged what plugins say; an operator may change it while they run."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from servehttp.errors import LinkError
from servehttp.settings.kinds import LogLevel

if TYPE_CHECKING:
    from servehttp.plugins.link import Link

TIMEOUT = 5.0
"""Seconds that a plugin has to take another level."""


class LogLevels:
    """The levels of all plugins of a gateway.

    Args:
        level: of plugins that have none of their own.
        levels: those of others, by id.
    """

    def __init__(self, level: LogLevel, levels: Mapping[str, LogLevel]) -> None:
        self._level = level
        self._given = levels
        self._chosen: dict[str, LogLevel | None] = {}

    def use(self, level: LogLevel) -> None:
        """Have another level for plugins that have none of their own."""
        self._level = level

    def of(self, plugin_id: str) -> LogLevel:
        """The level of a plugin."""
        return self._chosen.get(plugin_id) or self._given.get(plugin_id, self._level)

    def number_of(self, plugin_id: str) -> int:
        """The level of a plugin as the `logging` module has it."""
        return logging.getLevelNamesMapping()[self.of(plugin_id).upper()]

    def change(self, plugin_id: str, level: LogLevel | None) -> None:
        """Have another level for a plugin until the gateway ends; None for that of the settings."""
        self._chosen[plugin_id] = level

    async def tell(self, plugin_id: str, link: Link) -> None:
        """Have a plugin that is connected to log by its level, if it can: what it does not log cannot be shown.

        Nothing is said to one whose level was never another than that of all.
        """
        if plugin_id in self._given or plugin_id in self._chosen:
            with contextlib.suppress(LinkError):  # it is of another SDK, or its loss is noticed elsewhere
                await link.set_log_level(self.of(plugin_id), TIMEOUT)
