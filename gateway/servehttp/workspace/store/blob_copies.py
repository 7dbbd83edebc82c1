"""Files from one place to another, also after an interruption: what is there already is not sent again."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from servehttp.workspace.store.blobs import Blobs
from servehttp.workspace.store.outages import StoreUnavailable


@dataclass(frozen=True)
class Copied:
    """What was done.

    Attributes:
        files: how many files were copied.
        size: their bytes.
        there: how many were there already, of the same size.
    """

    files: int
    size: int
    there: int


async def copy_blobs(source: Blobs, target: Blobs) -> Copied:
    """Copy each file that the target has not, or not of this size, and read it again to compare its SHA-256.

    Raises:
        StoreUnavailable: a place cannot serve, or gives back something else than was written; what was copied stays.
    """
    known = {id: size async for id, size in target.sizes()}
    files = total = there = 0
    async for id, size in source.sizes():
        if known.get(id) == size:
            there += 1
            continue
        await _copy(source, target, id)
        files, total = files + 1, total + size
    return Copied(files, total, there)


async def _copy(source: Blobs, target: Blobs, id: str) -> None:
    sent, back = hashlib.sha256(), hashlib.sha256()

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in source.stream(id):
            sent.update(piece)
            yield piece

    await target.write(id, pieces())
    async for piece in target.stream(id):
        back.update(piece)
    if back.digest() != sent.digest():
        await target.remove(id)
        raise StoreUnavailable(f"files: {id} came back as something else than was written")
