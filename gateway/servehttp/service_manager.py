"""What systemd, or another service manager that sets `NOTIFY_SOCKET`, is told: sd_notify(3), without its library."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator, MutableMapping
from typing import Self

SOCKET = "NOTIFY_SOCKET"
WATCHDOG = "WATCHDOG_USEC"
WATCHDOG_PROCESS = "WATCHDOG_PID"
MICROSECONDS = 1_000_000


class ServiceManager:
    """One that is told how the process is; where there is none, nobody is.

    Args:
        address: where it listens: a path, or a name that begins with `@`; empty where there is none.
        watchdog: seconds after which it takes the process for stuck, if it does that.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self._address = address
        self._watchdog = watchdog
        self._is_ready = False

    @classmethod
    def of(cls, environment: MutableMapping[str, str]) -> Self:
        """That of this process; the variables that name it are taken out, for no child is to speak to it."""
        address, microseconds = environment.pop(SOCKET, ""), environment.pop(WATCHDOG, "")
        is_ours = environment.pop(WATCHDOG_PROCESS, str(os.getpid())) == str(os.getpid())
        is_watched = is_ours and microseconds.isdecimal() and int(microseconds) > 0
        return cls(address, int(microseconds) / MICROSECONDS if is_watched else None)

    def ready(self, status: str) -> None:
        """The start, or what `reloading` announced, is over."""
        self._is_ready = True
        self._tell("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """What people are shown, in one line."""
        self._tell(f"STATUS={status}")

    def stopping(self) -> None:
        """The end has begun."""
        self._tell("STOPPING=1", "STATUS=stopping")

    @contextlib.contextmanager
    def reloading(self, status: str) -> Iterator[None]:
        """The settings are read again meanwhile; the status is that of the time after it."""
        if not self._is_ready:  # what starts is not ready once its settings are read
            yield
            return
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self.ready(status)

    async def watch(self) -> None:
        """Tell for ever that the event loop lives, twice within the time that it has for it."""
        while self._watchdog is not None:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 2)

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # A manager that is gone, or does not read, is no reason not to serve.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode(), address)
