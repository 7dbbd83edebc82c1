"""One part of a form."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import IO

from anyio.to_thread import run_sync

from mattermost_plugin.forms.errors import FormTooLarge, MalformedForm
from mattermost_plugin.forms.events import PartHead

WRITE_SIZE = 256 * 1024
"""Bytes that are gathered for one write: each takes a turn of a thread."""


class FormPart:
    """A field or a file of a form. It is read once, and before the next part: what is left of it then is passed over.

    Args:
        head: how it begins.
        pieces: what it holds.
        limit: bytes that it may have; None for any number.

    Attributes:
        name: the field's.
        filename: as the client names the file, and never to be used as a path; None for what is no file.
        content_type: what the client takes it for; "text/plain" where it does not say.
        headers: all of them, names in lower case.
        size: bytes that were read so far.
    """

    def __init__(self, head: PartHead, pieces: AsyncGenerator[bytes, None], limit: int | None) -> None:
        self.name = head.name
        self.filename = head.filename
        self.headers = head.headers
        self.content_type = head.headers.get("content-type", "text/plain")
        self.size = 0
        self._pieces = pieces
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """What it holds, piece by piece as it comes in.

        Raises:
            FormTooLarge: it is larger than is taken.
            MalformedForm: the form ends in the middle of it.
        """
        async for piece in self._pieces:
            self.size += len(piece)
            if self._limit is not None and self.size > self._limit:
                raise FormTooLarge(f"{self.name!r} has more than {self._limit} bytes")
            yield piece

    async def read(self) -> bytes:
        """All of it.

        Raises:
            FormTooLarge: it is larger than is taken.
            MalformedForm: the form ends in the middle of it.
        """
        return b"".join([piece async for piece in self])

    async def text(self) -> str:
        """All of it, as text.

        Raises:
            FormTooLarge: it is larger than is taken.
            MalformedForm: it is not UTF-8, or the form ends in the middle of it.
        """
        try:
            return (await self.read()).decode()
        except UnicodeDecodeError:
            raise MalformedForm(f"{self.name!r} is not UTF-8") from None

    async def save(self, path: str | os.PathLike[str]) -> int:
        """Write it to a file, which is there once it is whole, in the place of one of this name; returns its size.

        Args:
            path: where; its folder exists.

        Raises:
            FormTooLarge: it is larger than is taken.
            MalformedForm: the form ends in the middle of it.
            OSError: it cannot be written.
        """
        path = Path(path)
        unfinished = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with await run_sync(unfinished.open, "xb") as file:
                await self._write(file)
            await run_sync(unfinished.replace, path)
        finally:
            unfinished.unlink(missing_ok=True)
        return self.size

    async def _write(self, file: IO[bytes]) -> None:
        gathered = bytearray()
        async for piece in self:
            gathered += piece
            if len(gathered) >= WRITE_SIZE:
                await run_sync(file.write, bytes(gathered))
                gathered.clear()
        await run_sync(file.write, bytes(gathered))
