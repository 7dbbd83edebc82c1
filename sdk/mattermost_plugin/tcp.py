"""TCP, set for connections that stay open for days and carry small messages."""

from __future__ import annotations

import contextlib
import socket
from typing import Final, Protocol

IDLE = 30
"""Seconds without a sign of life after which the other machine is asked for one."""
INTERVAL = 10
"""Seconds from one such question to the next."""
PROBES = 3
"""Questions without an answer after which the connection is lost."""

UNBUFFERED: Final = 1
"""How much output a transport may hold before it says so: none, but that would mean for ever where there is TLS."""

KEEP_ALIVE = (("TCP_KEEPIDLE", IDLE), ("TCP_KEEPALIVE", IDLE), ("TCP_KEEPINTVL", INTERVAL), ("TCP_KEEPCNT", PROBES))
"""The second is what macOS calls the first."""


class Connection(Protocol):
    """A socket, or what an event loop gives in its place."""

    @property
    def family(self) -> int: ...

    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...


def tune(connection: Connection | None) -> None:
    """Send small messages at once, and notice a machine that is gone; on a unix socket there is nothing to do."""
    if connection is None or connection.family == socket.AF_UNIX:
        return
    with contextlib.suppress(OSError):  # it may be closed already
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEP_ALIVE:
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
