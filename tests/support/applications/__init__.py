"""The same small application in each framework: `/items/{id}`, `/link`, `/stream`, `/count`."""

from __future__ import annotations

from collections.abc import AsyncIterator

PIECES = [b"one\n", b"two\n", b"three\n"]


async def pieces() -> AsyncIterator[bytes]:
    """What `/stream` sends."""
    for piece in PIECES:
        yield piece
