"""A call that has a connection for itself, spoken by the event loop itself: docs/protocol.md §2.1.

The bytes are those of any gRPC call (`mattermost_plugin.tunnel.http2`), on a unix socket or TCP, with TLS or without.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from asyncio import FIRST_COMPLETED
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from mattermost_plugin.http2.statuses import INTERNAL, OK, UNIMPLEMENTED
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.targets import Target, parse_target
from mattermost_plugin.tcp import UNBUFFERED, tune
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from mattermost_plugin.tunnel.http2 import Call, Span
from mattermost_plugin.tunnel.message_stream import Receiver
from mattermost_plugin.tunnel.peers import Peer, peer_of

logger = get_logger(__name__)

CALL_TIMEOUT = 10.0
"""Seconds for a client that has connected to say what it calls."""

CLOSE_TIMEOUT = 1.0
"""Seconds for a client to read how its call ended."""

EARLY_MESSAGES = 16
"""Messages that may come before `run` where nothing else is said; a peer that waits for a hello sends one."""

WORK_IN_TURN = 8192
"""Fields of messages that are read in one turn of the event loop, in whole messages: others have their turn then."""

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


class DirectMessageStream(asyncio.Protocol):
    """A call on a connection of its own; made by `connect`, or by a `DirectServer`.

    Args:
        call: the call.
        early_messages: how many messages may come before `run`.

    Attributes:
        called: done once it is known what is called.
        over: done once nothing more comes: the peer ended the call, or broke the protocol, or this side gave up.
        closed: done once the connection is no more.
    """

    def __init__(self, call: Call, early_messages: int = EARLY_MESSAGES) -> None:
        self._call = call
        self._early_messages = early_messages
        self._receiver: Receiver | None = None
        self._early: list[Span] = []
        self._arrived: deque[Span] = deque()  # of one read: the socket is not read while there are any
        self._paused = False
        self._taken = False
        self._leaving = False
        self._left = False
        self._encrypted = False
        loop = asyncio.get_running_loop()
        self.called: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.Transport | None = None

    # The stream

    async def run(self, receiver: Receiver) -> None:
        self._receiver = receiver
        early, self._early = self._early, []
        try:
            for span in early:
                receiver.receive(*span)
            if self._writable:
                receiver.resume()
            await asyncio.shield(self.over)
        finally:
            self._end(None)  # nothing is handed over from here on

    def send(self, *pieces: bytes) -> bool:
        self._call.send(*pieces)
        self._write()
        return self._writable

    def fail(self, error: Exception) -> None:
        self._end(error)

    def done_writing(self) -> None:
        """End this side of the call in order; the peer's ends it whole."""
        self._call.finish()
        self._write()

    async def close(self, linger: float) -> None:
        """End the call and hang up (client).

        A call that was taken ends otherwise: whoever took it says how, in `finish`.
        """
        if self._taken or self._transport is None:
            return
        self.done_writing()
        self._transport.close()
        await self._gone(linger)

    async def finish(self, status: int, text: str, linger: float) -> None:
        """End the call with a status (server), which the peer reads if it does so in time; again it does nothing."""
        self.hang_up(status, text)
        await self._gone(linger)

    def hang_up(self, status: int = OK, text: str = "") -> None:
        """Begin to end the call with a status (server); again it does nothing."""
        self._call.finish(status, text)
        self._leaving = True
        self._write()

    def drop(self) -> None:
        """Hang up at once."""
        if self._transport is not None:
            self._transport.abort()

    async def _gone(self, linger: float) -> None:
        """Waits until the connection is no more, and sees to that after so many seconds."""
        if self._transport is None:
            return
        try:
            await asyncio.wait((self.closed,), timeout=linger)
        finally:
            if not self.closed.done():
                self._transport.abort()
        await asyncio.wait((self.closed,))

    @property
    def peer(self) -> Peer | None:
        """Who is at the other end; None where that cannot be told."""
        connection = self._transport.get_extra_info("socket") if self._transport else None
        return None if connection is None else peer_of(connection)

    @property
    def path(self) -> str:
        """What the client calls."""
        return self._call.path

    def accept(self) -> None:
        """Take the call (server)."""
        self._taken = True
        self._call.accept()
        self._write()

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent
        # Without a buffer every write leaves at once, and what the kernel does not take is told at once.
        transport.set_write_buffer_limits(high=UNBUFFERED)
        self._encrypted = transport.get_extra_info("ssl_object") is not None
        self._write()

    def data_received(self, data: bytes) -> None:
        was_blocked = self._call.blocked
        try:
            self._arrived += self._call.receive_spans(data)
        except Exception as error:  # the peer's violation, or a fault of ours: `run` tells
            self._end(error)
            return
        self._hand_over(WORK_IN_TURN)
        self._write()
        if self._call.path and not self.called.done():
            self.called.set_result(None)
        if was_blocked and self._writable and self._receiver is not None:
            self._receiver.resume()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._call.written()
        if self._receiver is not None and self._writable:
            self._receiver.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._hand_over(None)
        self._end(CallEnded(None, f"the connection was lost: {exc}" if exc else "the connection was closed"))
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def _writable(self) -> bool:
        return not (self._paused or self._call.blocked or self.over.done())

    def _hand_over(self, work: int | None) -> None:
        """Hand over what has arrived, until it was so much work, and then how the call ended; the rest goes later."""
        try:
            while self._arrived and (work is None or work > 0) and not self.over.done():
                cost = self._hand_over_one(self._arrived.popleft())
                work = None if work is None else work - cost
        except Exception as error:  # as above
            self._end(error)
        if self._arrived and not self.over.done():
            self._go_on_later()
        elif self._call.status is not None:
            self._end(None if self._call.status == OK else CallEnded(self._call.status, self._call.text))

    def _hand_over_one(self, span: Span) -> int:
        if self._receiver is not None:
            return self._receiver.receive(*span)
        if len(self._early) >= self._early_messages:
            raise RemoteProtocolError("messages before the hello was answered")
        self._early.append(span)
        return 1

    def _go_on_later(self) -> None:
        assert self._transport is not None
        self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._hand_over(WORK_IN_TURN)
        if self._transport is not None and not self._arrived and not self._transport.is_closing():
            self._transport.resume_reading()

    def _write(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing() or self._left:
            return
        output = self._call.take_output()
        if output:
            if self._encrypted or sum(map(len, output)) <= JOINED:  # of each piece TLS would make a record
                transport.write(b"".join(output))
            else:
                transport.writelines(output)
                # The asyncio of Python 3.12 before 3.12.9, and of 3.13 before 3.13.2, looks how much it holds only in
                # `write`, and when the limits are set.
                transport.set_write_buffer_limits(high=UNBUFFERED)
        if not self._paused:
            self._call.written()
        if self._leaving and not self._call.blocked:
            # The peer hangs up once it has read the status; were we to do so first, it might see only that.
            self._left = True

    def _end(self, error: Exception | None) -> None:
        if self.over.done():
            return
        if error is None:
            self.over.set_result(None)
        else:
            self.over.set_exception(error)
            self.over.exception()  # it is no fault that nobody runs the stream, or does no more


async def connect(
    target: Path | str,
    method: str,
    *,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    keepalive: float | None = None,
) -> DirectMessageStream:
    """Call `method` on a connection of its own.

    Args:
        target: a unix socket's path, or `unix:PATH` or `HOST:PORT`.
        method: what is called.
        tls: speaks TLS; None for none.
        server_name: whom the server's certificate is for, if not the host.
        keepalive: seconds without a sign of life of another machine after which the connection is lost; None for long.

    Raises:
        OSError: nobody listens there, or not by TLS.
        ValueError: the target is none.
    """
    place = Target(path=os.fspath(target)) if isinstance(target, Path) else parse_target(target)
    loop, make = asyncio.get_running_loop(), _caller(method, encrypted=tls is not None)
    if place.path:
        _, stream = await loop.create_unix_connection(make, place.path)
        return stream
    name = (server_name or place.host) if tls else None
    transport, stream = await loop.create_connection(make, place.host, place.port, ssl=tls, server_hostname=name)
    tune(transport.get_extra_info("socket"), keepalive)
    return stream


def _caller(method: str, *, encrypted: bool) -> Callable[[], DirectMessageStream]:
    call = Call(client=True)
    call.start(method, scheme="https" if encrypted else "http")
    return lambda: DirectMessageStream(call)


class DirectServer:
    """Takes calls of one method at a socket.

    Args:
        method: its path.
        handle: serves one call; the stream is closed when it returns.
        call_timeout: seconds for a client that has connected to say what it calls.
        early_messages: how many messages may come before `handle` runs the stream.
    """

    def __init__(
        self,
        method: str,
        handle: Callable[[DirectMessageStream], Awaitable[None]],
        call_timeout: float = CALL_TIMEOUT,
        early_messages: int = EARLY_MESSAGES,
    ) -> None:
        self._method = method
        self._handle = handle
        self._call_timeout = call_timeout
        self._early_messages = early_messages
        self._server: asyncio.Server | None = None
        self._calls: dict[asyncio.Task[None], DirectMessageStream] = {}
        self._closed = False

    async def start(self, listener: socket.socket) -> None:
        """Take calls at a socket that listens; it is closed in the end."""
        self._server = await asyncio.get_running_loop().create_unix_server(self.connection, sock=listener)

    async def close(self) -> None:
        """Take no more calls, and end those that are open."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        tasks = list(self._calls)
        for task in tasks:
            self._calls[task].hang_up()  # here, because a task that has not run yet never will
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def connection(self) -> DirectMessageStream:
        """What serves a new connection."""
        call = Call(client=False)
        call.start()
        stream = DirectMessageStream(call, self._early_messages)
        if self._closed:  # the loop had accepted the connection before, and tells of it now
            stream.hang_up()
            return stream
        task = asyncio.create_task(self._serve(stream))
        self._calls[task] = stream
        task.add_done_callback(self._calls.pop)
        return stream

    async def _serve(self, stream: DirectMessageStream) -> None:
        try:
            await self._serve_called(stream)
        except Exception:  # the border to what takes the call: the server goes on
            logger.exception("a call failed")
            await stream.finish(INTERNAL, "the server failed", CLOSE_TIMEOUT)
        finally:
            await stream.finish(OK, "", CLOSE_TIMEOUT)

    async def _serve_called(self, stream: DirectMessageStream) -> None:
        first = (stream.called, stream.over)
        await asyncio.wait(first, timeout=self._call_timeout, return_when=FIRST_COMPLETED)
        if stream.path == self._method:
            stream.accept()
            await self._handle(stream)
        elif stream.path:
            await stream.finish(UNIMPLEMENTED, f"{stream.path} is not served here", CLOSE_TIMEOUT)
        else:
            stream.drop()
