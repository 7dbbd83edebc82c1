"""Lines of the log that strangers can bring about."""

from __future__ import annotations

import time

from mattermost_plugin.loggers import get_logger

PAUSE = 10.0
"""Seconds from one line to the next."""

logger = get_logger("mattermost_plugin.server")


class Reports:
    """Few lines, with the number of those that were left out."""

    def __init__(self) -> None:
        self._next = 0.0
        self._left_out = 0

    def tell(self, text: str) -> None:
        """Log it, unless another was logged a moment ago."""
        now = time.monotonic()
        if now < self._next:
            self._left_out += 1
            return
        more = f" ({self._left_out} such lines before it were left out)" if self._left_out else ""
        logger.warning("%s%s", text, more)
        self._next, self._left_out = now + PAUSE, 0
