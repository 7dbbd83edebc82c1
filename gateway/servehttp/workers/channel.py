"""The private connection between the main process and one worker: a pair of sockets, one line for each message.

Sending never waits. What waits for an end that does not read is bounded: beyond that it is given up.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from servehttp.workers.messages import Message, MessageError, decode, encode

LINE_LIMIT = 16 * 1024 * 1024
"""Longest line, in bytes: the figures of a thousand plugins have room."""
BACKLOG_LIMIT = 2 * LINE_LIMIT
"""Bytes that may wait for an end that does not read."""


class Channel:
    """One end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, connection: socket.socket) -> Channel:
        """Take a connected socket for it."""
        return cls(*await asyncio.open_unix_connection(sock=connection, limit=LINE_LIMIT))

    def send(self, message: Message) -> None:
        """Send a message, if the other end is there; it is told to go if it does not read."""
        if self._writer.transport.is_closing():
            return
        self._writer.write(encode(message))
        if self._writer.transport.get_write_buffer_size() > BACKLOG_LIMIT:
            self._writer.transport.abort()

    async def receive(self) -> Message | None:
        """The next message; None at the end.

        Raises:
            MessageError: what came is none.
        """
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        except ValueError:
            raise MessageError(f"a message of more than {LINE_LIMIT} bytes") from None
        return decode(line) if line.endswith(b"\n") else None

    async def close(self) -> None:
        """Hang up; what was sent still arrives."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
