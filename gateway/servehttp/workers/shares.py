"""How many connections each worker has, in memory that all workers see, so that connections fall evenly.

Each worker writes only its own place, and each number is written whole, so nothing is locked. A worker takes a
connection only while none of the others that are present has fewer. As none closes meanwhile, of connections that come
at once no worker gets two more than another, however fast each of them is.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from typing import BinaryIO

ABSENCE = 1.0
"""Seconds of silence after which a worker counts as absent: it is stuck or frozen, and nobody waits for it any more."""
_NUMBERS = 2
"""Of a place: its open connections, and when it was last present (nanoseconds of the machine's monotonic clock)."""
_NUMBER_SIZE = 8


def create_shares(workers: int) -> BinaryIO:
    """A file with a place for each of so many workers, all of them absent."""
    in_memory = hasattr(os, "memfd_create")  # on Linux
    file: BinaryIO = os.fdopen(os.memfd_create("shares"), "r+b") if in_memory else tempfile.TemporaryFile()  # noqa: SIM115
    os.ftruncate(file.fileno(), workers * _NUMBERS * _NUMBER_SIZE)
    return file


class Share:
    """The place of one worker; its `Turns` at the listening socket.

    Args:
        file: descriptor of what `create_shares` made; it need not stay open.
        place: which of the workers it is, from 0.
    """

    def __init__(self, file: int, place: int) -> None:
        numbers = memoryview(mmap.mmap(file, 0)).cast("q")
        self._connections = numbers[0::_NUMBERS]
        self._present = numbers[1::_NUMBERS]
        self._place = place

    def count(self, connections: int) -> None:
        """Tell the others how many connections are open here."""
        self._connections[self._place] = connections

    def be_present(self) -> None:
        """Tell the others that connections are taken here; to be said more often than each `ABSENCE`."""
        self._present[self._place] = time.monotonic_ns()

    def leave(self) -> None:
        """Tell the others that no connections are taken here."""
        self._present[self._place] = 0

    def is_mine(self) -> bool:
        """Whether the next connection is for this worker: no other that is present has fewer."""
        own = self._connections[self._place]
        least_present = time.monotonic_ns() - int(ABSENCE * 1e9)
        others = zip(self._connections.tolist(), self._present.tolist(), strict=True)
        return all(own <= connections for connections, present in others if present > least_present)
