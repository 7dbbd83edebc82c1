"""What uploads read from: files, and whatever gives pieces of bytes, cut into pieces of one size."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from inspect import isawaitable
from typing import Any, Protocol, TypeAlias

READ_SIZE = 1024 * 1024
"""Bytes that are asked of a file at a time."""


class Readable(Protocol):
    """A file, or what reads like one; `read` may also be a coroutine function for the async client."""

    def read(self, size: int, /) -> Any: ...


Source: TypeAlias = Readable | Iterable[bytes]
AsyncSource: TypeAlias = Readable | Iterable[bytes] | AsyncIterable[bytes]


def pieces(source: Source, size: int) -> Iterator[bytes]:
    """The source's bytes in pieces of one size, of which only the last may be shorter."""
    cutter = Cutter(size)
    for chunk in _chunks(source):
        yield from cutter.cut(chunk)
    yield from cutter.rest()


async def async_pieces(source: AsyncSource, size: int) -> AsyncIterator[bytes]:
    """As `pieces`. A plain file is read on the event loop."""
    cutter = Cutter(size)
    async for chunk in _async_chunks(source):
        for piece in cutter.cut(chunk):
            yield piece
    for piece in cutter.rest():
        yield piece


class Cutter:
    """Cuts bytes into pieces of one size."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept = bytearray()

    def cut(self, chunk: bytes) -> Iterator[bytes]:
        """Take more bytes; gives the pieces that are full."""
        self._kept += chunk
        while len(self._kept) >= self._size:
            piece = bytes(self._kept[: self._size])
            del self._kept[: self._size]
            yield piece

    def rest(self) -> Iterator[bytes]:
        """The last piece, if there is one."""
        if self._kept:
            yield bytes(self._kept)


def _chunks(source: Source) -> Iterator[bytes]:
    if isinstance(source, bytes | bytearray | memoryview):
        yield bytes(source)
    elif hasattr(source, "read"):
        while chunk := source.read(READ_SIZE):
            yield chunk
    else:
        yield from source


async def _async_chunks(source: AsyncSource) -> AsyncIterator[bytes]:
    if hasattr(source, "read"):
        while chunk := await _awaited(source.read(READ_SIZE)):
            yield chunk
    elif isinstance(source, AsyncIterable):
        async for chunk in source:
            yield chunk
    else:
        for chunk in _chunks(source):
            yield chunk


async def _awaited(value: Any) -> bytes:
    found: bytes = await value if isawaitable(value) else value
    return found
