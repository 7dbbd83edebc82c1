"""Calls on a connection of their own event loop: what arrives goes to their handlers, what they send leaves together.

Nothing here is a task. What is sent in one turn of the event loop is written at its end, in one write.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, TypeVar, cast

from mattermost_plugin.http2.client import ClientConnection
from mattermost_plugin.http2.errors import HTTP2Error
from mattermost_plugin.http2.events import (
    CallEnded,
    ConnectionFailed,
    Draining,
    Event,
    MessageReceived,
    ResponseReceived,
    Settled,
)
from mattermost_plugin.http2.frames import CANCEL
from mattermost_plugin.http2.header_blocks import Fields
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.statuses import DEADLINE_EXCEEDED
from mattermost_plugin.http2.streams import Stream

T = TypeVar("T")

ALPN: Final = "h2"
UNIX: Final = "unix:"
JOINED: Final = 64 * 1024
"""Bytes up to which pieces of output are joined before they are written."""
HIGH_WATER: Final = 64 * 1024
"""Bytes of one call that may wait to be written before its sender should wait."""
CLOSE_TIMEOUT: Final = 1.0
"""Seconds for what is being written when a channel is closed."""


class CannotConnect(HTTP2Error):
    """Nobody who speaks HTTP/2 answered."""


class CallHandler:
    """What is told of a call; to be derived from."""

    def responded(self, fields: Fields) -> None:
        """The server has taken the call."""
        raise NotImplementedError

    def message(self, data: bytes, credit: int) -> None:
        """A message has come; `ClientChannel.consume` is told the credit once it was consumed."""
        raise NotImplementedError

    def flush(self) -> None:
        """No more messages are at hand."""
        raise NotImplementedError

    def writable(self) -> None:
        """There is room for more, after `ClientChannel.send` said that there was none."""
        raise NotImplementedError

    def ended(self, end: CallEnded) -> None:
        """Nothing more will come. It is not told of a call that this end has given up."""
        raise NotImplementedError


class ClientChannel(asyncio.Protocol):
    """One connection, many calls; made by `connect`.

    Args:
        connection: the protocol's state.

    Attributes:
        settled: done once the peer has shown that it speaks HTTP/2, or will not.
        draining: done once no more calls can be made, with the reason.
        closed: done once the connection is no more, with the reason.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._core = connection
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._scheduled = False
        self._paused = False
        self._blocked: dict[Stream, CallHandler] = {}
        self._timers: dict[Stream, asyncio.TimerHandle] = {}
        self._failure = ""
        self.settled: asyncio.Future[bool] = self._loop.create_future()
        self.draining: asyncio.Future[str] = self._loop.create_future()
        self.closed: asyncio.Future[str] = self._loop.create_future()

    # Calls

    @property
    def open_calls(self) -> int:
        """How many calls are open, those that wait to be begun with them."""
        return self._core.open_calls

    def call(self, path: str, handler: CallHandler, timeout: float | None = None, fields: Fields = ()) -> Stream:
        """Begin a call.

        Args:
            path: what is called.
            handler: what is told of it, never before this returns.
            timeout: seconds for its end.
            fields: metadata.

        Raises:
            CannotCall: none can be begun here now, and nothing of it was sent.
        """
        stream = self._core.call(path, timeout, fields)
        stream.owner = handler
        if timeout is not None:
            self._timers[stream] = self._loop.call_later(timeout, self._expire, stream)
        self._schedule()
        return stream

    def send(self, stream: Stream, message: bytes) -> bool:
        """Send a message; False where the next should wait until the handler is told that there is room."""
        self._core.send(stream, message)
        self._schedule()
        if stream.queued <= HIGH_WATER or stream.gone:
            return True
        self._blocked[stream] = stream.owner
        return False

    def end(self, stream: Stream) -> None:
        """No more messages are sent."""
        self._core.end(stream)
        self._schedule()

    def cancel(self, stream: Stream) -> None:
        """Give a call up; nothing more is told of it."""
        self._core.reset(stream, CANCEL)
        self._forget(stream)
        self._schedule()

    def consume(self, stream: Stream, credit: int) -> None:
        """Messages were consumed."""
        self._core.consume(stream, credit)
        if self._core.has_output:
            self._schedule()

    # The end

    def drain(self) -> None:
        """Begin no more calls."""
        self._core.drain()

    async def close(self) -> None:
        """Hang up; calls that are open fail."""
        if self._transport is None:
            return
        self._core.say_goodbye()
        self._write()
        self._transport.close()
        try:
            await asyncio.wait((self.closed,), timeout=CLOSE_TIMEOUT)
        finally:
            self._transport.abort()
        await asyncio.wait((self.closed,))

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent
        # Without a buffer every write leaves at once, and what the kernel does not take is told at once.
        transport.set_write_buffer_limits(high=0)
        self._write()

    def data_received(self, data: bytes) -> None:
        self._tell(self._core.receive(data))
        if self._core.has_more and self._transport is not None:
            self._transport.pause_reading()
            self._loop.call_soon(self._go_on)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        text = self._failure or (f"the connection was lost: {exc}" if exc else "the connection was closed")
        self._tell(self._core.lost(text))
        _settle(self.settled, False)
        _settle(self.draining, text)
        _settle(self.closed, text)

    def _go_on(self) -> None:
        self._tell(self._core.receive(b""))
        if self._core.has_more:
            self._loop.call_soon(self._go_on)
        elif self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # What has come

    def _tell(self, events: list[Event]) -> None:
        last: CallHandler | None = None  # which is flushed when another's turn comes: one write for its messages
        for event in events:
            if isinstance(event, MessageReceived):
                handler: CallHandler | None = event.stream.owner
                if last is not None and handler is not last:
                    last.flush()
                last = handler
                if handler is not None:  # it may have given up since this was read
                    handler.message(event.data, event.credit)
            else:
                if last is not None:
                    last.flush()
                    last = None
                self._tell_other(event)
        if last is not None:
            last.flush()
        if self._core.has_output:
            self._schedule()

    def _tell_other(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            if event.stream.owner is not None:
                event.stream.owner.responded(event.fields)
        elif isinstance(event, CallEnded):
            handler: CallHandler | None = event.stream.owner
            self._forget(event.stream)
            if handler is not None:
                handler.ended(event)
        elif isinstance(event, Settled):
            _settle(self.settled, True)
        elif isinstance(event, Draining):
            _settle(self.draining, event.text)
        elif isinstance(event, ConnectionFailed):
            self._failure = f"the peer broke HTTP/2: {event.text}"
            self._write()
            self._hang_up()

    def _expire(self, stream: Stream) -> None:
        handler: CallHandler | None = stream.owner
        self.cancel(stream)
        if handler is not None:
            handler.ended(CallEnded(stream, DEADLINE_EXCEEDED, "Deadline Exceeded"))

    def _forget(self, stream: Stream) -> None:
        """It is over: stream and handler let go of each other."""
        handler: CallHandler | None = stream.owner
        stream.owner = None
        timer = self._timers.pop(stream, None)
        if timer is not None:
            timer.cancel()
        if self._blocked.pop(stream, None) is not None and handler is not None:
            handler.writable()

    # Writing

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._scheduled = False
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        while not self._paused and (output := self._core.take_output()):
            _write_to(transport, output)
        if not self._paused:
            self._core.written()
        if self._blocked:
            self._unblock()

    def _unblock(self) -> None:
        for stream, handler in list(self._blocked.items()):
            if stream.queued <= HIGH_WATER:
                del self._blocked[stream]
                handler.writable()

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _write_to(transport: asyncio.Transport, output: list[bytes]) -> None:
    if sum(map(len, output)) <= JOINED:
        transport.write(b"".join(output))
    else:
        transport.writelines(output)
        # The asyncio of Python 3.12 before 3.12.9, and of 3.13 before 3.13.2, looks how much it holds only in `write`,
        # and when the limits are set.
        transport.set_write_buffer_limits(high=0)


def _settle(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


async def connect(
    target: str,
    limits: Limits | None = None,
    *,
    timeout: float,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
) -> ClientChannel:
    """A channel to a server that has shown that it speaks HTTP/2.

    Args:
        target: where it listens: `unix:/path` or `host:port`.
        limits: what it may do.
        timeout: seconds for all of it.
        tls: how the connection is secured, if it is; ALPN is chosen here.
        server_name: whom the server's certificate is for, where that is not the host.

    Raises:
        CannotConnect: nobody does.
    """
    connection = ClientConnection(limits or Limits(), "https" if tls else "http", _authority(target, server_name))
    connection.start()
    channel: ClientChannel | None = None
    try:
        async with asyncio.timeout(timeout):
            channel = await _open(lambda: ClientChannel(connection), target, tls, server_name)
            if not await asyncio.shield(channel.settled):
                raise CannotConnect(await channel.closed)
    except BaseException as error:
        reason = error
    else:
        return channel
    if channel is not None:
        await channel.close()
    if isinstance(reason, TimeoutError):
        raise CannotConnect(f"nobody answered at {target} within {timeout:g} s") from None
    if isinstance(reason, OSError):
        raise CannotConnect(f"nobody answered at {target}: {reason}") from None
    raise reason


async def _open(
    make: Callable[[], ClientChannel], target: str, tls: ssl.SSLContext | None, server_name: str | None
) -> ClientChannel:
    loop = asyncio.get_running_loop()
    if tls is not None:
        tls.set_alpn_protocols([ALPN])
    if target.startswith(UNIX):
        name = (server_name or "localhost") if tls else None
        transport, channel = await loop.create_unix_connection(
            make, target.removeprefix(UNIX).removeprefix("//"), ssl=tls, server_hostname=name
        )
    else:
        host, port = split_target(target)
        name = server_name if tls else None
        transport, channel = await loop.create_connection(make, host, port, ssl=tls, server_hostname=name)
    secured = transport.get_extra_info("ssl_object")
    if secured is not None and secured.selected_alpn_protocol() != ALPN:
        transport.abort()
        raise CannotConnect(f"{target} does not speak HTTP/2 over TLS")
    return channel


def split_target(target: str) -> tuple[str, int]:
    """Host and port.

    Raises:
        CannotConnect: it is none.
    """
    host, _, port = target.rpartition(":")
    if not host or not port.isdigit():
        raise CannotConnect(f"{target} is no host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _authority(target: str, server_name: str | None) -> str:
    if target.startswith(UNIX):
        return server_name or "localhost"
    return target if server_name is None else f"{server_name}:{split_target(target)[1]}"
