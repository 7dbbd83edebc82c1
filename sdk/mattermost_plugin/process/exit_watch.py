"""Ends a process that has nothing left to do but wait for threads that never return."""

from __future__ import annotations

import os
import threading
import time

from mattermost_plugin.loggers import get_logger

EXIT_GRACE = 2.0
"""Seconds that threads which still run get when all else has ended."""
JOIN_TIMEOUT = 0.2
"""Seconds for idle threads of a pool to notice that it was closed."""

logger = get_logger("mattermost_plugin.server")


class ExitWatch:
    """Armed when everything was shut down, before Python begins to wait for threads."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def arm(self, exit_code: int) -> None:
        """From now on the process has `EXIT_GRACE` to end by itself."""
        self._timer = threading.Timer(EXIT_GRACE, _leave, [exit_code])
        self._timer.daemon = True
        self._timer.start()

    def stand_down(self) -> None:
        """Let the process go on if no thread would keep it from ending."""
        until = time.monotonic() + JOIN_TIMEOUT
        for thread in _lasting_threads():
            thread.join(max(0.0, until - time.monotonic()))
        if self._timer is not None and not _lasting_threads():
            self._timer.cancel()


def _lasting_threads() -> list[threading.Thread]:
    main = threading.main_thread()
    return [thread for thread in threading.enumerate() if not thread.daemon and thread is not main]


def _leave(exit_code: int) -> None:
    logger.warning("leaving although these still run: %s", ", ".join(thread.name for thread in _lasting_threads()))
    os._exit(exit_code)
