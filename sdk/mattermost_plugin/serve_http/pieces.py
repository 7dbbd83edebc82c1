"""How a body is cut into messages."""

from __future__ import annotations

from collections.abc import Iterator

PIECE_SIZE = 64 * 1024
"""The largest piece of body in one message: beyond it gRPC is slower, not faster."""


def pieces(data: bytes) -> Iterator[bytes]:
    """The data in pieces that are no larger than one message may hold."""
    if len(data) <= PIECE_SIZE:
        yield data
        return
    for start in range(0, len(data), PIECE_SIZE):
        yield data[start : start + PIECE_SIZE]
