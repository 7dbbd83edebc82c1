"""Sockets that stand beside one that gRPC listens at."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from mattermost_plugin.loggers import get_logger

logger = get_logger(__name__)

OWNER_ONLY = 0o077
"""A umask. Whoever may connect may call in anybody's name."""


def listen_at(path: Path | None, what: str) -> socket.socket | None:
    """Listen at a path, for this user alone; None where that cannot be. A socket file that is there is replaced.

    A path that is too long, or a file that is no socket, is no error: gRPC serves the same beside it.

    Args:
        path: where; None for nowhere.
        what: what is served there, for the log.
    """
    if path is None:
        return None
    listener = socket.socket(socket.AF_UNIX)
    try:
        unlink_socket(path)
        with owner_only():
            listener.bind(os.fspath(path))
        listener.listen()
    except OSError as error:
        logger.warning("%s no socket of its own at %s: %s", what, path, error)
        listener.close()
        return None
    return listener


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
