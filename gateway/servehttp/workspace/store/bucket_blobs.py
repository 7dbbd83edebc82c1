"""What files hold, as objects in a bucket of a server that speaks S3.

A file that breaks off while it is written never becomes an object, and one that is read is as long as the server says.
Pieces of an upload are objects of their own until it is finished, so that each gateway can take the next one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.store.blobs import PIECE, Blobs
from servehttp.workspace.store.outages import StoreUnavailable, first_line

PART = 8 * 1024 * 1024
"""Bytes of one part of a large object, which is held in memory until it is sent."""
PARTS_AT_ONCE = 2
WINDOW = 4 * 1024 * 1024
"""Bytes that one request reads: no connection waits for a slow reader."""


def open_bucket(settings: WorkspaceSettings, bucket: str, prefix: str) -> S3Store:
    """A bucket, with credentials from the environment; nothing is asked of its server yet."""
    limit = timedelta(seconds=settings.files_timeout)
    endpoint = {"endpoint": settings.files_endpoint} if settings.files_endpoint else {}
    return S3Store(
        bucket,
        prefix=prefix or None,
        region=settings.files_region,
        client_options={
            "allow_http": settings.files_endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=settings.files_connect_timeout),
            "timeout": limit,
        },
        retry_config={"max_retries": settings.files_retries, "retry_timeout": limit},
        **endpoint,  # type: ignore[arg-type]  # a mapping may have any of the keys
    )


class BucketBlobs(Blobs):
    """Files by id in a bucket."""

    def __init__(self, bucket: S3Store) -> None:
        self._bucket = bucket

    async def write(self, id: str, pieces: AsyncIterable[bytes]) -> int:
        size = 0
        # Never closed where `pieces` fails: what was sent by then is no object.
        writer = obstore.open_writer_async(self._bucket, id, buffer_size=PART, max_concurrency=PARTS_AT_ONCE)
        async for piece in pieces:
            with _writing():
                size += await writer.write(piece)
        with _writing():
            await writer.close()
        return size

    async def append(self, id: str, data: bytes, offset: int) -> int:
        with _writing():
            await obstore.put_async(self._bucket, f"{_folder(id)}/{offset}", data, max_concurrency=PARTS_AT_ONCE)
        return offset + len(data)

    async def finish(self, id: str, size: int) -> None:
        pieces = await self._pieces(id)
        if 0 not in pieces:
            raise FileNotFoundError(id)
        await self.write(id, self._joined(id, pieces, size))
        await self._remove_pieces(id, pieces)

    async def read(self, id: str) -> bytes:
        return b"".join([piece async for piece in self.stream(id)])

    async def stream(self, id: str) -> AsyncGenerator[bytes, None]:
        with _outages():
            size = (await obstore.head_async(self._bucket, id))["size"]
        for start in range(0, size, WINDOW):
            end = min(start + WINDOW, size)
            with _outages():
                window = bytes(await obstore.get_range_async(self._bucket, id, start=start, end=end))
            if len(window) != end - start:
                raise StoreUnavailable(f"files: the bucket gave {len(window)} bytes instead of {end - start}")
            for offset in range(0, len(window), PIECE):
                yield window[offset : offset + PIECE]

    async def sizes(self) -> AsyncGenerator[tuple[str, int], None]:
        listed = aiter(obstore.list(self._bucket))
        while True:
            with _outages():
                part = await anext(listed, None)
            if part is None:
                return
            for meta in part:
                if "/" not in meta["path"]:
                    yield meta["path"], meta["size"]

    async def remove(self, id: str) -> None:
        await self._delete(id)
        await self._remove_pieces(id, await self._pieces(id))

    async def _pieces(self, id: str) -> dict[int, int]:
        """The sizes of the pieces of an upload, by where they belong."""
        with _outages():
            listed = obstore.list(self._bucket, prefix=f"{_folder(id)}/")
            return {int(meta["path"].rpartition("/")[2]): meta["size"] async for part in listed for meta in part}

    async def _joined(self, id: str, sizes: dict[int, int], whole: int) -> AsyncIterator[bytes]:
        offset = 0
        while size := sizes.get(offset):
            async for piece in self.stream(f"{_folder(id)}/{offset}"):
                yield piece
            offset += size
        if offset != whole:
            raise StoreUnavailable(f"files: {offset} bytes of {id} are there, and not {whole}")

    async def _remove_pieces(self, id: str, sizes: dict[int, int]) -> None:
        for offset in sorted(sizes):  # the first one first: without it, the rest is never taken for a whole file
            await self._delete(f"{_folder(id)}/{offset}")

    async def _delete(self, name: str) -> None:
        try:
            with _outages():
                await obstore.delete_async(self._bucket, name)
        except FileNotFoundError:
            return


def _folder(id: str) -> str:
    return f"{id}.part"


@contextmanager
def _outages() -> Iterator[None]:
    try:
        yield
    except BaseError as error:
        raise StoreUnavailable(f"files: {first_line(error)}") from error


@contextmanager
def _writing() -> Iterator[None]:
    try:
        with _outages():
            yield
    except OSError as error:  # as the library calls what failed while parts are sent, and a bucket that is not there
        raise StoreUnavailable(f"files: {first_line(error)}") from error
