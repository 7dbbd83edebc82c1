"""What signals ask of a gateway beside its stop: SIGHUP to read its settings again, SIGUSR1 to log what it does.

A gateway that was started on a terminal gets SIGHUP when that is lost, and stops, as programs on terminals do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

from mattermost_plugin.process.stop_signals import stop_signals
from servehttp.aio import meanwhile

STANDARD_STREAMS = range(3)


def stopping_signals() -> list[signal.Signals]:
    """Those that stop the gateway; SIGHUP is one of them only on a terminal, and where it is not ignored."""
    return [number for number in stop_signals() if number is not signal.SIGHUP or _on_terminal()]


def outlast_signals() -> None:
    """Have the signals that are heeded once the gateway runs not end it before that."""
    for number in _heeded():
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which plugins would inherit


@contextlib.asynccontextmanager
async def heeding_signals(reread: Callable[[], Awaitable[object]], dump: Callable[[], object]) -> AsyncIterator[None]:
    """Do meanwhile what signals ask.

    Args:
        reread: has the settings read again.
        dump: has what the gateway does logged.
    """
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    async def reread_when_asked() -> None:
        while True:
            await asked.wait()
            asked.clear()
            await reread()

    acts: dict[signal.Signals, Callable[[], object]] = {signal.SIGHUP: asked.set, signal.SIGUSR1: dump}
    for number in _heeded():
        loop.add_signal_handler(number, acts[number])
    async with meanwhile(reread_when_asked()):
        yield  # and they stay heeded until the loop is closed: one that comes late must not end it


def _heeded() -> list[signal.Signals]:
    return [number for number in (signal.SIGHUP, signal.SIGUSR1) if number not in stopping_signals()]


def _on_terminal() -> bool:
    return any(os.isatty(stream) for stream in STANDARD_STREAMS)
