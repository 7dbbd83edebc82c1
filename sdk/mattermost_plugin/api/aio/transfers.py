"""Files of any size over the unary rpcs: up in pieces, down as something to read from or to iterate over."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import BinaryIO

from mattermost_plugin.api.aio.files import FilesMixin
from mattermost_plugin.api.sources import AsyncSource, async_pieces
from mattermost_plugin.exceptions import UnavailableError
from mattermost_plugin.models import FileInfo, UploadSession

UPLOAD_PIECE = 5 * 1024 * 1024
"""Bytes. Servers want this much in the first piece, unless it is the whole file."""
DOWNLOAD_PIECE = 64 * 1024


class TransfersMixin(FilesMixin):
    """Files of any size."""

    async def upload_stream(
        self,
        source: AsyncSource,
        channel_id: str,
        filename: str,
        *,
        user_id: str,
        size: int,
        piece_size: int = UPLOAD_PIECE,
        timeout: float | None = None,
    ) -> FileInfo:
        """Upload a file of any size in pieces, of which one at a time is in memory.

        A piece that fails because the host cannot be reached is sent again, once, from where the host says it is.

        Args:
            source: an open binary file, or whatever iterates over bytes.
            channel_id: the channel's id.
            filename: with its extension, by which the server knows the type.
            user_id: the user the file is to belong to.
            size: bytes in all, which have to be known before.
            piece_size: bytes of a piece.
            timeout: seconds for each call, retries included, instead of the client's.

        Raises:
            ValueError: the source ends before, or goes on after, `size` bytes.
            NotFoundError: there is no such channel.
            ValidationError: the file is larger than the server's settings allow, or the pieces are too small.
            PluginAPIError: the call failed otherwise.
        """
        wanted = UploadSession(user_id=user_id, channel_id=channel_id, filename=filename, file_size=size)
        session = await self.create_upload_session(wanted, timeout=timeout)
        offset, info = 0, None
        async for piece in async_pieces(source, piece_size):
            if offset + len(piece) > size:
                raise ValueError(f"{filename} has more than the {size} bytes that were announced")
            info = await self._upload_piece(replace(session, file_offset=offset), piece, timeout)
            offset += len(piece)
        if info is None:
            raise ValueError(f"{filename} ended after {offset} of {size} bytes")
        return info

    async def open_file(self, file_id: str, *, timeout: float | None = None) -> BinaryIO:
        """The content of a file as an open binary file in memory.

        Args:
            file_id: the file's id.
            timeout: seconds for the call, retries included, instead of the client's.

        Raises:
            NotFoundError: there is no such file.
            PluginAPIError: the call failed otherwise.
        """
        return io.BytesIO(await self.get_file(file_id, timeout=timeout))

    async def iter_file(
        self, file_id: str, *, piece_size: int = DOWNLOAD_PIECE, timeout: float | None = None
    ) -> AsyncIterator[bytes]:
        """The content of a file in pieces, for instance for a streamed response; it arrives whole before the first.

        Args:
            file_id: the file's id.
            piece_size: bytes of a piece.
            timeout: seconds for the call, retries included, instead of the client's.

        Raises:
            NotFoundError: there is no such file.
            PluginAPIError: the call failed otherwise.
        """
        content = memoryview(await self.get_file(file_id, timeout=timeout))
        for start in range(0, len(content), piece_size):
            yield bytes(content[start : start + piece_size])

    async def _upload_piece(self, session: UploadSession, piece: bytes, timeout: float | None) -> FileInfo | None:
        try:
            return await self.upload_data(session, piece, timeout=timeout)
        except UnavailableError:
            reached = await self.get_upload_session(session.id, timeout=timeout)
        missing = piece[reached.file_offset - session.file_offset :]
        return await self.upload_data(reached, missing, timeout=timeout) if missing else None
