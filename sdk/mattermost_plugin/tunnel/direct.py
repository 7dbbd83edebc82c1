"""The tunnel's call on a unix socket of its own, spoken by the event loop itself: docs/protocol.md §2.1.

The bytes are those of any gRPC call (`mattermost_plugin.tunnel.http2`). The socket stands beside the one that the
plugin announces, so whoever may connect to that may connect to this one.
"""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from mattermost_plugin.tunnel.carrier import Receiver
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from mattermost_plugin.tunnel.http2 import OK, UNIMPLEMENTED, Call

CALL_TIMEOUT = 10.0
"""Seconds for a client that has connected to say what it calls."""

CLOSE_TIMEOUT = 1.0
"""Seconds for a client to read how its call ended."""

EARLY_MESSAGES = 16
"""Messages that may come before `run`; a peer that waits for a hello sends one."""

JOINED = 16 * 1024
"""Bytes up to which pieces of output are joined before they are written."""


class CallEnded(Exception):
    """The peer ended the call with an error, or the connection broke.

    Args:
        status: one of gRPC's numbers; None where there was no status.
        text: the peer's, or what became of the connection.
    """

    def __init__(self, status: int | None, text: str) -> None:
        super().__init__(text)
        self.status = status


class DirectCarrier(asyncio.Protocol):
    """A call on a connection of its own; made by `connect`, or by a `DirectServer`.

    Attributes:
        called: done once it is known what is called.
        closed: done once the connection is no more.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._receiver: Receiver | None = None
        self._early: list[bytes] = []
        self._paused = False
        loop = asyncio.get_running_loop()
        self.called: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._over: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.Transport | None = None

    # The carrier

    async def run(self, receiver: Receiver) -> None:
        self._receiver = receiver
        early, self._early = self._early, []
        for message in early:
            receiver.receive(message)
        if self._writable:
            receiver.resume()
        await asyncio.shield(self._over)

    def send(self, message: bytes) -> bool:
        self._call.send(message)
        self._write()
        return self._writable

    def fail(self, error: Exception) -> None:
        self._end(error)

    def done_writing(self) -> None:
        """End this side of the call in order; the peer's ends it whole."""
        self._call.finish()
        self._write()

    async def close(self, linger: float) -> None:
        """End the call; the peer reads what was written before, if it does so in time."""
        await self.finish(OK, "", linger)

    async def finish(self, status: int, text: str, linger: float) -> None:
        """End the call with a status; again it does nothing."""
        if self._transport is None:
            return
        self._call.finish(status, text)
        self._write()
        self._transport.close()
        await asyncio.wait((self.closed,), timeout=linger)
        self._transport.abort()
        await asyncio.wait((self.closed,))
        if self._over.done() and not self._over.cancelled():
            self._over.exception()  # whoever cared has seen it

    @property
    def path(self) -> str:
        """What the client calls."""
        return self._call.path

    def accept(self) -> None:
        """Take the call (server)."""
        self._call.accept()
        self._write()

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent
        # Without a buffer every write leaves at once, and what the kernel does not take is told at once.
        transport.set_write_buffer_limits(high=0)
        self._write()

    def data_received(self, data: bytes) -> None:
        was_blocked = self._call.blocked
        try:
            for message in self._call.receive(data):
                self._hand_over(message)
        except Exception as error:  # the peer's violation, or a fault of ours: `run` tells
            self._end(error)
            return
        self._write()
        if self._call.path and not self.called.done():
            self.called.set_result(None)
        if self._call.status is not None:
            self._end(None if self._call.status == OK else CallEnded(self._call.status, self._call.text))
        elif was_blocked and self._writable and self._receiver is not None:
            self._receiver.resume()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._receiver is not None and self._writable:
            self._receiver.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(CallEnded(None, f"the connection was lost: {exc}" if exc else "the connection was closed"))
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def _writable(self) -> bool:
        return not (self._paused or self._call.blocked or self._over.done())

    def _hand_over(self, message: bytes) -> None:
        if self._receiver is not None:
            self._receiver.receive(message)
        elif len(self._early) < EARLY_MESSAGES:
            self._early.append(message)
        else:
            raise RemoteProtocolError("messages before the hello was answered")

    def _write(self) -> None:
        output = self._call.take_output()
        if not output or self._transport is None or self._transport.is_closing():
            return
        if sum(map(len, output)) <= JOINED:
            self._transport.write(b"".join(output))
        else:
            self._transport.writelines(output)

    def _end(self, error: Exception | None) -> None:
        if self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)


async def connect(path: Path, method: str) -> DirectCarrier:
    """Call `method` at a socket.

    Raises:
        OSError: nobody listens there.
    """
    call = Call(client=True)
    call.start(method)
    _, carrier = await asyncio.get_running_loop().create_unix_connection(lambda: DirectCarrier(call), os.fspath(path))
    return carrier


class DirectServer:
    """Takes calls of one method at a socket.

    Args:
        method: its path.
        handle: serves one call; the carrier is closed when it returns.
    """

    def __init__(self, method: str, handle: Callable[[DirectCarrier], Awaitable[None]]) -> None:
        self._method = method
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, listener: socket.socket) -> None:
        """Take calls at a socket that listens; it is closed in the end."""
        self._server = await asyncio.get_running_loop().create_unix_server(self._accept, sock=listener)

    async def close(self) -> None:
        """Take no more calls, and end those that are open."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self) -> DirectCarrier:
        call = Call(client=False)
        call.start()
        carrier = DirectCarrier(call)
        task = asyncio.create_task(self._serve(carrier))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return carrier

    async def _serve(self, carrier: DirectCarrier) -> None:
        try:
            await asyncio.wait((carrier.called, carrier.closed), timeout=CALL_TIMEOUT, return_when=FIRST_COMPLETED)
            if carrier.path == self._method:
                carrier.accept()
                await self._handle(carrier)
            elif carrier.path:
                await carrier.finish(UNIMPLEMENTED, f"{carrier.path} is not served here", CLOSE_TIMEOUT)
        finally:
            await carrier.close(0)
