"""A connection on which a client calls by gRPC, as often as it likes, on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, cast

from mattermost_plugin.http2.events import (
    CallEnded,
    CallReceived,
    ConnectionFailed,
    Event,
    MessageReceived,
    MessagesEnded,
)
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.server import ServerConnection
from mattermost_plugin.listening.grpc_call import HIGH_WATER, GrpcCall, Method
from mattermost_plugin.listening.reports import Reports
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.statuses import Status

JOINED: Final = 16 * 1024
"""Bytes up to which pieces of output are joined before they are written."""
BUFFERED: Final = 1
"""Bytes of output that the transport may hold before it says so: none, but to TLS that would mean for ever."""

logger = get_logger(__name__)


class GrpcConnection(asyncio.Protocol):
    """The calls of one client.

    Args:
        methods: what serves each call, by its path.
        limits: what the client may do.
        reports: where it is told that a client broke the protocol.
        tasks: those that serve calls now; one may outlast its call, and its connection.

    Attributes:
        core: the protocol's state.
        loop: the event loop.
        closed: done once the connection is no more.
        tasks: see above.
        waiting: calls whose sender waits for room.
    """

    def __init__(
        self, methods: Mapping[str, Method], limits: Limits, reports: Reports, tasks: set[asyncio.Task[None]]
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self.core = ServerConnection(limits)
        self.tasks = tasks
        self.waiting: set[GrpcCall] = set()
        self._methods = methods
        self._reports = reports
        self._calls: set[GrpcCall] = set()
        self._transport: asyncio.Transport | None = None
        self._encrypted = False
        self._paused = False
        self._scheduled = False
        self._leaving = False

    def drain(self) -> None:
        """Ask the client to begin no more calls; those that are open go on."""
        self.core.drain()
        self.write_soon()

    def leave(self) -> None:
        """Begin no more calls, and hang up once all has been written."""
        self.core.close()
        self._leaving = True
        self.write_soon()

    def drop(self) -> None:
        """Hang up at once."""
        if self._transport is not None:
            self._transport.abort()

    def abort_calls(self, status: Status, text: str) -> None:
        """End all calls that are open, and what serves them."""
        for call in list(self._calls):
            call.abort(status, text)

    # For the calls

    def write_soon(self) -> None:
        """Write at the end of the event loop's turn, with what else is said in it."""
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._write)

    def forget(self, call: GrpcCall) -> None:
        """A call is over."""
        self._calls.discard(call)

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = made = cast(asyncio.Transport, transport)  # uvloop's is none by descent
        made.set_write_buffer_limits(high=BUFFERED)
        self._encrypted = made.get_extra_info("ssl_object") is not None
        self.core.start()
        self._write()

    def data_received(self, data: bytes) -> None:
        self.core.tick(self.loop.time())
        self._work(data)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self.core.written()
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        self._handle(self.core.lost("the connection was lost"))
        for call in list(self._calls):
            call.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    def _work(self, data: bytes) -> None:
        self._handle(self.core.receive(data))
        if self.core.has_more and self._transport is not None:  # others have their turn first
            self._transport.pause_reading()
            self.loop.call_soon(self._go_on)
        if self.core.has_output:
            self.write_soon()

    def _go_on(self) -> None:
        self._work(b"")
        if self._transport is not None and not self.core.has_more and not self._transport.is_closing():
            self._transport.resume_reading()

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, MessageReceived):
                call = event.stream.owner
                if call.over:
                    self.core.consume(event.stream, event.credit)
                else:
                    call.service.take(event.data, event.credit)
            elif isinstance(event, CallReceived):
                self._begin(event)
            elif isinstance(event, MessagesEnded):
                if not event.stream.owner.over:
                    event.stream.owner.service.end()
            elif isinstance(event, CallEnded):
                event.stream.owner.cancel()
            elif isinstance(event, ConnectionFailed):
                self._fail(event)

    def _begin(self, event: CallReceived) -> None:
        call = GrpcCall(self, event.stream, event.path, event.timeout, event.fields)
        event.stream.owner = call
        self._calls.add(call)
        method = self._methods.get(event.path)
        if method is None:
            call.finish(Status.UNIMPLEMENTED, "Method not found!")
        else:
            call.service = method(call)

    def _fail(self, event: ConnectionFailed) -> None:
        self._reports.tell(f"a client broke HTTP/2, and was hung up on: {event.text}")
        self._leaving = True

    def _write(self) -> None:
        self._scheduled = False
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        while not self._paused and self.core.has_output:
            output = self.core.take_output()
            if not output:
                break  # it waits for the client's windows
            self._put(transport, output)
        if self.waiting:
            self._tell_written()
        if self._leaving and not self.core.open_streams and not self._paused:
            transport.close()

    def _put(self, transport: asyncio.Transport, output: list[bytes]) -> None:
        if self._encrypted or sum(map(len, output)) <= JOINED:  # of each piece TLS would make a record
            transport.write(b"".join(output))
        else:
            transport.writelines(output)
            # The asyncio of Python 3.12 before 3.12.9, and of 3.13 before 3.13.2, looks how much it holds only in
            # `write`, and when the limits are set.
            transport.set_write_buffer_limits(high=BUFFERED)
        if not self._paused:
            self.core.written()

    def _tell_written(self) -> None:
        for call in [call for call in self.waiting if call.over or call.queued <= HIGH_WATER]:
            self.waiting.discard(call)
            call.told_written()
