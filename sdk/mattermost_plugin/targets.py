"""Where something listens: `unix:PATH` or `HOST:PORT`, as gRPC names it."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

UNIX = "unix:"
LARGEST_PORT = 65535
LOOPBACK = b"\x7f"
LOOPBACK_6 = bytes(15) + b"\1"
"""What addresses of the loopback interface begin with, and the one that there is of IPv6."""


@dataclass(frozen=True)
class Target:
    """A unix socket, or a TCP port.

    Attributes:
        path: of the socket; empty for a port.
        host: a name or an address, without brackets.
        port: its number.
    """

    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def is_local(self) -> bool:
        """Whether nobody but this machine is there, as far as its name tells."""
        return bool(self.path) or is_loopback(self.host)

    @property
    def text(self) -> str:
        """As it was read."""
        if self.path:
            return f"{UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_target(text: str) -> Target:
    """Read `unix:PATH` or `HOST:PORT`.

    Raises:
        ValueError: it is neither.
    """
    if text.startswith(UNIX) and len(text) > len(UNIX):
        return Target(path=text.removeprefix(UNIX))
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > LARGEST_PORT:
        raise ValueError(f"{text!r} is neither unix:PATH nor HOST:PORT")
    return Target(host=host, port=int(port))


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own loopback interface."""
    if host == "localhost":
        return True
    for family, first in ((socket.AF_INET, LOOPBACK), (socket.AF_INET6, LOOPBACK_6)):
        with contextlib.suppress(OSError):  # it is none of this family
            return socket.inet_pton(family, host).startswith(first)
    return False
