"""The C library's heap, set for a process that moves large pieces: memory that is free stays at hand for the next one.

What a read brings, up to 250 KB, is freed a moment later, and the next read wants as much again. glibc gives blocks of
128 KiB and more back to the kernel at once, and the free end of its heap too; each page of the next piece is then a
fault, and an upload spends more time on those than on its copies. But glibc learns: once a larger block was freed,
blocks up to its size come out of the heap, and twice its size may lie free at the heap's end.
"""

from __future__ import annotations

LARGEST_KEPT = 1024 * 1024
"""Bytes of the largest block that comes out of the heap; twice as many stay when nothing is in use."""


def tune_malloc() -> None:
    """Call once, when the process has started up.

    Who has set glibc's thresholds by its environment keeps them; with another C library this does nothing.
    """
    bytes(LARGEST_KEPT)
