"""Unix sockets that are their owner's alone."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

OWNER_ONLY = 0o077
"""A umask. Whoever may connect may call in anybody's name."""
BACKLOG = 128
"""Connections that may wait to be accepted."""


def listen_at(path: Path) -> socket.socket:
    """Listen at a path, for this user alone. A socket file that is there is replaced.

    Raises:
        OSError: that cannot be: the path is too long, or something else is there.
    """
    listening = socket.socket(socket.AF_UNIX)
    try:
        unlink_socket(path)
        with owner_only():
            listening.bind(os.fspath(path))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def unlink_socket(path: Path) -> None:
    """Remove a file if it is a socket."""
    if path.is_socket():
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def owner_only() -> Iterator[None]:
    """Files that are made in the block are this user's alone."""
    umask = os.umask(OWNER_ONLY)
    try:
        yield
    finally:
        os.umask(umask)
