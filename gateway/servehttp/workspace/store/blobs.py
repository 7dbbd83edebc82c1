"""What files hold, by id: the interface of the places where it may be kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

PIECE = 256 * 1024
"""Bytes that are read at once."""


class Blobs(ABC):
    """Files by id. One that can be read is whole.

    All methods raise `StoreUnavailable` where the place cannot serve now.
    """

    @abstractmethod
    async def write(self, id: str, pieces: AsyncIterable[bytes]) -> int:
        """Store what comes, whatever its size, in bounded memory; returns how many bytes.

        Write first and commit the row after: a row never names what is not there.
        """

    async def write_bytes(self, id: str, data: bytes) -> int:
        """Write what is in memory: as `write`."""
        return await self.write(id, _single(data))

    @abstractmethod
    async def append(self, id: str, data: bytes, offset: int) -> int:
        """Add to what is not finished; returns its size. What an interrupted call wrote after `offset` is replaced."""

    @abstractmethod
    async def finish(self, id: str, size: int) -> None:
        """Have what was appended be the file.

        Raises:
            FileNotFoundError: nothing was appended, or it is finished already.
            StoreUnavailable: also where what was appended is not `size` bytes.
        """

    @abstractmethod
    async def read(self, id: str) -> bytes:
        """All of it.

        Raises:
            FileNotFoundError: there is no such file.
        """

    @abstractmethod
    def stream(self, id: str) -> AsyncGenerator[bytes, None]:
        """Piece by piece.

        Raises:
            FileNotFoundError: there is no such file.
        """

    @abstractmethod
    def sizes(self) -> AsyncGenerator[tuple[str, int], None]:
        """The id of each file, and its bytes; those that are not finished are left out."""

    @abstractmethod
    async def remove(self, id: str) -> None:
        """Delete it, finished or not; nothing happens when there is none."""


async def _single(data: bytes) -> AsyncIterator[bytes]:
    yield data
