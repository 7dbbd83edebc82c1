"""An SMTP server that keeps what it gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class MailServer:
    """Listens on a loopback port; `refuses` makes it take no recipient."""

    port: int = 0
    refuses: bool = False
    mails: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, as RFC 5321 has it."""
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            command = line[:4].upper()
            if command == b"DATA":
                writer.write(b"354 go on\r\n")
                text = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(text.decode())
            refused = command == b"RCPT" and self.refuses
            writer.write(
                b"550 no such user\r\n" if refused else b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n"
            )
            await writer.drain()
            if command == b"QUIT":
                break
        writer.close()


@asynccontextmanager
async def mail_server(*, refuses: bool = False) -> AsyncIterator[MailServer]:
    """A server that listens."""
    kept = MailServer(refuses=refuses)
    server = await asyncio.start_server(kept.serve, "127.0.0.1", 0)
    async with server:
        kept.port = server.sockets[0].getsockname()[1]
        yield kept
