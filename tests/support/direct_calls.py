"""Servers, clients and raw connections of the call that is spoken directly."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mattermost_plugin.exchange import Exchange
from mattermost_plugin.tunnel.direct import CALL_TIMEOUT, CallEnded, DirectMessageStream, DirectServer, connect
from support.http2 import PATH
from support.patience import PATIENCE
from support.tunnels import no_task_left

KIB = 1024
MIB = 1024 * KIB


class Heard:
    """Remembers what a stream brings."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.resumed = asyncio.Event()

    def receive(self, data: bytes, start: int, end: int) -> int:
        self.messages.put_nowait(data[start:end])
        return 1

    def resume(self) -> None:
        self.resumed.set()


Handle = Callable[[DirectMessageStream], Awaitable[None]]


@asynccontextmanager
async def listening(
    handle: Handle, folder: Path, call_timeout: float = CALL_TIMEOUT
) -> AsyncIterator[tuple[DirectServer, Path]]:
    """A server of `PATH`, and where."""
    path = folder / "direct"
    server = DirectServer(PATH, handle, call_timeout)
    async with no_task_left():
        await server.start(listener(path))
        try:
            yield server, path
        finally:
            await server.close()


def listener(path: Path) -> socket.socket:
    """A unix socket that waits for connections."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


async def echo(stream: DirectMessageStream) -> None:
    """Sends back each message, until the client ends its side."""

    class Echo:
        def receive(self, data: bytes, start: int, end: int) -> int:
            stream.send(data[start:end])
            return 1

        def resume(self) -> None:
            pass

    await stream.run(Echo())


async def until_it_ends(stream: DirectMessageStream) -> None:
    """Reads what the client sends, and answers nothing."""
    await stream.run(Heard())


async def ended(stream: DirectMessageStream) -> CallEnded:
    """How the server ended a call that it did not end well."""
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(CallEnded) as caught:
            await stream.run(Heard())
    await stream.close(1)
    return caught.value


async def assert_echoes(path: Path) -> None:
    """A whole call."""
    stream, heard = await connect(path, PATH), Heard()
    running = asyncio.create_task(stream.run(heard))
    stream.send(b"still there?")
    async with asyncio.timeout(PATIENCE):
        assert await heard.messages.get() == b"still there?"
        stream.done_writing()
        await running
    await stream.close(1)


@asynccontextmanager
async def raw(path: Path, opening: bytes = b"") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection in the test's hands."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        writer.write(opening)
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the peer has ended its side, in order or not."""
    read = b""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionResetError):
            while piece := await reader.read(2**16):
                read += piece
    return read


async def until_asked(exchange: Exchange) -> None:
    """Serves an exchange by reading its first part."""
    await exchange.receive()
