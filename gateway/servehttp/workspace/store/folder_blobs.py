"""What files hold, in one folder. A file that has its final name is whole and on the disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable
from pathlib import Path

from servehttp.workspace.store.blobs import PIECE, Blobs
from servehttp.workspace.store.outages import StoreUnavailable, file_outages

PARTIAL = ".part"
"""How the name of a file ends that is not whole yet."""


class FolderBlobs(Blobs):
    """A folder of files by id. They are read and written in threads.

    Args:
        folder: is made when there is none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def write(self, id: str, pieces: AsyncIterable[bytes]) -> int:
        partial = self._partial(id)
        with file_outages():
            try:
                return await self._write(id, partial, pieces)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise

    async def append(self, id: str, data: bytes, offset: int) -> int:
        with file_outages():
            return await asyncio.to_thread(self._append, id, data, offset)

    async def finish(self, id: str, size: int) -> None:
        with file_outages():
            await asyncio.to_thread(self._finish, id, size)

    async def read(self, id: str) -> bytes:
        return await asyncio.to_thread(self._path(id).read_bytes)

    async def stream(self, id: str) -> AsyncGenerator[bytes, None]:
        with await asyncio.to_thread(self._path(id).open, "rb") as file:
            while piece := await asyncio.to_thread(file.read, PIECE):
                yield piece

    async def sizes(self) -> AsyncGenerator[tuple[str, int], None]:
        for entry in await asyncio.to_thread(lambda: list(os.scandir(self._folder))):
            if entry.is_file(follow_symlinks=False) and not entry.name.endswith(PARTIAL):
                yield entry.name, entry.stat().st_size

    async def remove(self, id: str) -> None:
        for path in (self._path(id), self._partial(id)):
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _write(self, id: str, partial: Path, pieces: AsyncIterable[bytes]) -> int:
        size = 0
        with await asyncio.to_thread(partial.open, "wb") as file:
            async for piece in pieces:
                size += await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(self._finish, id, size)
        return size

    def _path(self, id: str) -> Path:
        return self._folder / id

    def _partial(self, id: str) -> Path:
        return self._folder / f"{id}{PARTIAL}"

    def _append(self, id: str, data: bytes, offset: int) -> int:
        descriptor = os.open(self._partial(id), os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            file.truncate(offset)
            file.seek(offset)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return offset + len(data)

    def _finish(self, id: str, size: int) -> None:
        with self._partial(id).open("rb") as file:
            if (there := os.fstat(file.fileno()).st_size) != size:
                raise StoreUnavailable(f"files: {there} bytes of {id} are there, and not {size}")
            os.fsync(file.fileno())
        self._partial(id).replace(self._path(id))
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
