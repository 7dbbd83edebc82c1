"""Calls on a connection of their own event loop: what arrives goes to their handlers, what they send leaves together.

Nothing here is a task. What is sent in one turn of the event loop is written at its end, in one write.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, TypeVar, cast

from mattermost_plugin.derived import mypyc_attr
from mattermost_plugin.http2.client import ClientConnection
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
from mattermost_plugin.http2.statuses import DEADLINE_EXCEEDED
from mattermost_plugin.http2.streams import Stream
from mattermost_plugin.http2.writing import write
from mattermost_plugin.tcp import UNBUFFERED

T = TypeVar("T")

HIGH_WATER: Final = 64 * 1024
"""Bytes of one call that may wait to be written before its sender should wait."""
CLOSE_TIMEOUT: Final = 1.0
"""Seconds for what is being written when a channel is closed."""


@mypyc_attr(allow_interpreted_subclasses=True)
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

    def prepare(self) -> None:
        """What is to leave in this turn is to be sent now, after `ClientChannel.touch`."""
        raise NotImplementedError

    def writable(self) -> None:
        """There is room for more, after `ClientChannel.is_full` was true."""
        raise NotImplementedError

    def ended(self, end: CallEnded) -> None:
        """Nothing more will come. It is not told of a call that this end has given up."""
        raise NotImplementedError


class ClientChannel:
    """One connection, many calls; made by `http2.connecting`. To its event loop it is an `asyncio.Protocol`, from which
    it does not derive: compiled, that would make every attribute a look-up.

    Args:
        connection: the protocol's state.

    Attributes:
        settled: done once the peer has shown that it speaks HTTP/2, or will not.
        draining: done once no more calls can be made here; tells whether they can on another connection.
        closed: done once the connection is no more, with the reason.
        on_drain: called in the turn in which `draining` is done, before calls that were not begun are told of it.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._core = connection
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._scheduled = False
        self._paused = False
        self._touched: list[Stream] = []
        self._blocked: dict[Stream, CallHandler] = {}
        self._timers: dict[Stream, asyncio.TimerHandle] = {}
        self._failure = ""
        self._retired = False
        self.on_drain: Callable[[], None] | None = None
        self.settled: asyncio.Future[bool] = self._loop.create_future()
        self.draining: asyncio.Future[bool] = self._loop.create_future()
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

    def touch(self, stream: Stream) -> None:
        """Let the handler of a call `prepare` at the end of this turn."""
        self._touched.append(stream)
        self._schedule()

    def send(self, stream: Stream, pieces: list[bytes]) -> None:
        """Send a message, which may be in pieces."""
        self._core.send_pieces(stream, pieces)
        self._schedule()

    def is_full(self, stream: Stream) -> bool:
        """Whether so much of a call waits that more should not be sent until its handler is told that there is room."""
        if stream.queued <= HIGH_WATER or stream.owner is None:
            return False
        self._blocked[stream] = stream.owner
        return True

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

    @property
    def peer(self) -> socket.socket | None:
        """The connection's socket, to ask who is at the other end."""
        return None if self._transport is None else self._transport.get_extra_info("socket")

    # The end

    def hang_up_when_idle(self) -> None:
        """Begin no more calls, and hang up once none is open."""
        self._core.drain()
        self._retired = True
        self._hang_up_if_idle()

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

    def eof_received(self) -> None:
        """Have the transport closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent
        # Without a buffer every write leaves at once, and what the kernel does not take is told at once.
        transport.set_write_buffer_limits(high=UNBUFFERED)
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
        self._drain(False)
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
        if self._retired:
            self._hang_up_if_idle()

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
            self._drain(event.orderly)
        elif isinstance(event, ConnectionFailed):
            self._failure = f"the peer broke HTTP/2: {event.text}"
            self._write()
            if self._transport is not None:
                self._transport.close()

    def _drain(self, orderly: bool) -> None:
        if not self.draining.done():
            self.draining.set_result(orderly)
            if self.on_drain is not None:
                self.on_drain()

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
        if self._touched:
            touched, self._touched = self._touched, []
            for stream in touched:
                handler: CallHandler | None = stream.owner
                if handler is not None:
                    handler.prepare()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        while not self._paused and (output := self._core.take_output()):
            write(transport, output)
        if not self._paused:
            self._core.written()
        if self._blocked:
            self._unblock()

    def _hang_up_if_idle(self) -> None:
        if self._retired and not self._core.open_calls and self._transport is not None:
            self._core.say_goodbye()
            self._retired = False
            self._write()
            self._transport.close()

    def _unblock(self) -> None:
        for stream, handler in list(self._blocked.items()):
            if stream.queued <= HIGH_WATER:
                del self._blocked[stream]
                handler.writable()


def _settle(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)
