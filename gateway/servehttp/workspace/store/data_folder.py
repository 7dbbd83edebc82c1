"""The data folder: for our user alone, and for one gateway at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import structlog

from servehttp.errors import WorkspaceError

LOCK_FILE = "gateway.lock"
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
OTHERS = stat.S_IRWXG | stat.S_IRWXO
PASSABLE_FOLDER = 0o711
LONGEST_PID = 20
"""Bytes."""

log = structlog.get_logger("servehttp.workspace")


def make_private(folder: Path, *names: str, passable: bool = False) -> None:
    """Have the folder, and in it what is named here for our user alone; a folder that was there keeps its mode.

    Args:
        folder: is made when there is none.
        names: of files and folders in it; a folder is made private, what is in it is out of reach by that.
        passable: whether others have to pass through the folder, to what is theirs in it.

    Raises:
        OSError: that is not possible.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    wanted = PASSABLE_FOLDER if passable else PRIVATE_FOLDER
    if folder.stat().st_mode & OTHERS & ~wanted:
        remedy = f"chmod {wanted:o} {folder}, or name another one"
        log.warning("others may enter the data folder", folder=str(folder), remedy=remedy)
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            _close_to_others(folder / name)


def make_private_file(file: Path) -> None:
    """Have a file that only our user may read; SQLite gives its companions the mode of the database.

    What cannot be made is explained by whoever opens it.
    """
    with contextlib.suppress(OSError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE))


@contextlib.contextmanager
def only_gateway(folder: Path) -> Iterator[None]:
    """Be the one gateway with this data folder meanwhile; the lock ends with our process, however that ends.

    Raises:
        WorkspaceError: another one has it.
        OSError: the lock's file cannot be written.
    """
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        _lock(descriptor, folder)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, LONGEST_PID, 0).decode("ascii", "replace")
        raise WorkspaceError(
            f"another gateway has the data folder {folder}: process {pid or 'unknown'}; "
            "stop it, or name another folder with --data-dir"
        ) from None


def _close_to_others(path: Path) -> None:
    mode = path.stat().st_mode
    if not mode & OTHERS:
        return
    try:
        path.chmod(stat.S_IMODE(mode) & ~OTHERS)
    except PermissionError:
        log.warning(
            "others may read what is the workspace's", path=str(path), remedy="make the gateway's user its owner"
        )
