"""Who is at the other end of a unix socket, as the kernel tells (SO_PEERCRED of unix(7))."""

from __future__ import annotations

import os
import socket
import struct
from typing import NamedTuple, Protocol

_CREDENTIALS = struct.Struct("3i")
"""`struct ucred`: process, user, group."""


class Peer(NamedTuple):
    """A process, as it was when it called `connect`, or `listen`.

    Attributes:
        pid: its number; 0 for one that our process id namespace does not know.
        uid: the user that it ran as.
    """

    pid: int
    uid: int

    def is_of(self, session: int) -> bool:
        """Whether it is the process that leads a session, or another one in it.

        Args:
            session: the number of the process that leads it.
        """
        if self.pid == session:
            return True
        try:
            return self.pid != 0 and os.getsid(self.pid) == session
        except OSError:  # it has ended, and its number may be anybody's
            return False


class Connection(Protocol):
    """A socket, or what an event loop gives in its place."""

    @property
    def family(self) -> int: ...

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes: ...


def peer_of(connection: Connection) -> Peer | None:
    """Who is at the other end; None where that cannot be told: not a unix socket, or not on Linux."""
    if connection.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return None
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(credentials)
    return Peer(pid, uid)
