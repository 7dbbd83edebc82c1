"""What carries a tunnel's messages: the border between a tunnel, which never waits, and a call's two streams.

A message stream takes one message at a time. When it can take no more for now, it says so, and calls back once it can:
what becomes ready meanwhile goes out together, in as few messages as possible. Nothing waits in the stream itself.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol


class Receiver(Protocol):
    """What a message stream calls: the tunnel."""

    def receive(self, data: bytes, start: int, end: int) -> int:
        """The peer's next message, which is what `data` has from `start` to `end`: cut out, it would be copied.

        Returns what it cost, as the number of fields that it had.

        Raises:
            RemoteProtocolError: the peer broke the protocol; the stream's `run` raises it.
        """
        ...

    def resume(self) -> None:
        """The stream takes messages again."""
        ...


class MessageStream(Protocol):
    """One end of a call."""

    async def run(self, receiver: Receiver) -> None:
        """Hand over what arrives; returns when the peer has ended its stream in order, and raises if it did not."""
        ...

    def send(self, *pieces: bytes) -> bool:
        """Send a message, which may be in pieces, from the beginning of `run` on.

        False once the next has to wait for `Receiver.resume`.
        """
        ...

    def fail(self, error: Exception) -> None:
        """Let `run` end with an error of this side."""
        ...

    async def close(self, linger: float) -> None:
        """Leave nothing behind, after at most so many seconds for what is being written."""
        ...


class Stream(Protocol):
    """What a bidirectional grpc.aio call of bytes is at either end."""

    async def read(self) -> Any:
        """The next message, or something that is no bytes at the end."""
        ...

    async def write(self, message: bytes) -> None: ...


class CallMessageStream:
    """A call of gRPC's own library: one task reads, one writes.

    Args:
        stream: the call; nobody else may use it.
        patience: seconds for the end of reading to say why writing failed.
    """

    def __init__(self, stream: Stream, patience: float = 5.0) -> None:
        self._stream = stream
        self._patience = patience
        self._message: bytes | None = None
        self._wanted = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._failure: asyncio.Future[None] | None = None
        self._closing = False

    async def run(self, receiver: Receiver) -> None:
        self._failure = asyncio.get_running_loop().create_future()
        self._reader = reader = asyncio.create_task(self._read(receiver))
        self._writer = writer = asyncio.create_task(self._write(receiver))
        await asyncio.wait((reader, writer, self._failure), return_when=asyncio.FIRST_COMPLETED)
        if self._failure.done():
            self._failure.result()
        if writer.done():  # writing fails when the stream has ended, and then reading soon says why
            await asyncio.wait((reader,), timeout=self._patience)
        await (reader if reader.done() else writer)

    def send(self, *pieces: bytes) -> bool:
        self._message = b"".join(pieces)
        self._wanted.set()
        return False

    def fail(self, error: Exception) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    async def close(self, linger: float) -> None:
        """Lets a write that is under way finish: gRPC can send no status in the middle of one."""
        self._closing = True
        tasks = [task for task in (self._reader, self._writer) if task is not None]
        if self._reader is not None:
            self._reader.cancel()
        try:
            if self._message is not None and self._writer is not None:
                await asyncio.wait((self._writer,), timeout=linger)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._failure is not None:
                self._failure.cancel()

    async def _read(self, receiver: Receiver) -> None:
        while isinstance(message := await self._stream.read(), bytes):
            receiver.receive(message, 0, len(message))

    async def _write(self, receiver: Receiver) -> None:
        while not self._closing:
            await self._wanted.wait()
            self._wanted.clear()
            if self._message is not None:
                await self._stream.write(self._message)
                self._message = None
                receiver.resume()
