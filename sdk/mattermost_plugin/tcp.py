"""TCP, set for connections that stay open for days and carry small messages."""

from __future__ import annotations

import contextlib
import socket
from typing import Final, Protocol

LONG = 60.0
"""Seconds without a sign of life of the other machine after which a connection is lost on which nothing is due."""
QUESTIONS = 3
"""How often it is asked for one meanwhile."""
MILLISECONDS = 1000

UNBUFFERED: Final = 1
"""How much output a transport may hold before it says so: none, but that would mean for ever where there is TLS."""


class Connection(Protocol):
    """A socket, or what an event loop gives in its place."""

    @property
    def family(self) -> int: ...

    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...


def tune(connection: Connection | None, keepalive: float | None = None) -> None:
    """Send small messages at once, and notice a machine that is gone; on a unix socket there is nothing to do.

    Args:
        connection: a TCP connection.
        keepalive: seconds without a sign of life after which it is lost, also while something is due; None for `LONG`,
            and as long as the system's own if something is due.
    """
    if connection is None or connection.family == socket.AF_UNIX:
        return
    with contextlib.suppress(OSError):  # it may be closed already
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _options(keepalive):
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _options(keepalive: float | None) -> list[tuple[str, int]]:
    """Those of TCP, as far as a system has them; macOS calls the first one by another name."""
    interval = max(1, int((keepalive or LONG) / (QUESTIONS + 1)))
    options = [("TCP_KEEPIDLE", interval), ("TCP_KEEPALIVE", interval)]
    options += [("TCP_KEEPINTVL", interval), ("TCP_KEEPCNT", QUESTIONS)]
    if keepalive is not None:
        options.append(("TCP_USER_TIMEOUT", int(keepalive * MILLISECONDS)))
    return options
