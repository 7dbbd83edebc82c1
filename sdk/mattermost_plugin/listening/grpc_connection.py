"""A connection on which a client calls by gRPC, as often as it likes, on an event loop; and each of those calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, cast

from mattermost_plugin.calls.outcomes import Deadline
from mattermost_plugin.http2.events import (
    CallEnded,
    CallReceived,
    ConnectionFailed,
    Event,
    MessageReceived,
    MessagesEnded,
)
from mattermost_plugin.http2.header_blocks import Fields
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.server import ServerConnection
from mattermost_plugin.http2.streams import Stream
from mattermost_plugin.http2.writing import write
from mattermost_plugin.listening.reports import Reports
from mattermost_plugin.listening.service import NOTHING, Service
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.statuses import Status
from mattermost_plugin.tcp import UNBUFFERED

HIGH_WATER: Final = 64 * 1024
"""Bytes of a call that may wait to be written before its sender waits."""

logger = get_logger(__name__)


class GrpcCall:
    """A call.

    Attributes:
        path: what is called.
        fields: the client's metadata.
        deadline: its time.
        over: nothing can be said to the client any more.
    """

    __slots__ = ("_connection", "_stream", "_tasks", "_timer", "deadline", "fields", "over", "path", "service", "waits")

    def __init__(
        self, connection: GrpcConnection, stream: Stream, path: str, timeout: float | None, fields: Fields
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._tasks = 0
        self.path = path
        self.fields = fields
        self.deadline = Deadline(timeout)
        self.over = False
        self.waits = False
        self.service: Service = NOTHING
        self._timer = None if timeout is None else connection.loop.call_later(timeout, self._late)

    def time_remaining(self) -> float | None:
        """Seconds that are left for the answer; None for any time."""
        return self.deadline.time_remaining()

    @property
    def queued(self) -> int:
        """Bytes that wait to be written."""
        return self._stream.queued

    def info(self, name: str) -> Any:
        """What the connection knows by this name, as `asyncio.BaseTransport.get_extra_info` has it: who calls."""
        transport = self._connection.transport
        return None if transport is None else transport.get_extra_info(name)

    def respond(self) -> None:
        """Let the client know that its call is served, before there is a message."""
        if not self.over:
            self._connection.core.respond(self._stream)
            self._connection.write_soon()

    def send(self, message: bytes) -> bool:
        """Send a message; False where nothing should follow until `Service.written`."""
        if self.over:
            return False
        self._connection.core.respond(self._stream)
        self._connection.core.send(self._stream, message)
        self._connection.write_soon()
        if self._stream.queued <= HIGH_WATER:
            return True
        self.waits = True
        self._connection.waiting.add(self)
        return False

    def consume(self, credit: int) -> None:
        """The application took messages."""
        self._connection.core.consume(self._stream, credit)
        self._connection.write_soon()

    def finish(self, status: int = Status.OK, text: str = "") -> None:
        """End the call, after what waits; again it does nothing."""
        if not self.over:
            self._connection.core.finish(self._stream, status, text)
            self._conclude()
            self._connection.write_soon()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have something done in a task, which the server looks after and cancels when it closes."""
        task = self._connection.loop.create_task(work)
        self._tasks += 1
        self._connection.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def abort(self, status: int, text: str) -> None:
        """End the call, and what serves it."""
        if not self.over:
            self.finish(status, text)
            self._tell_cancelled()

    def cancel(self) -> None:
        """The client has given up, or is gone (for the connection)."""
        if not self.over:
            self._conclude()
            self._tell_cancelled()

    def told_written(self) -> None:
        """There is room for more (for the connection)."""
        self.waits = False
        self.service.written()

    def _late(self) -> None:
        self.abort(Status.DEADLINE_EXCEEDED, "Deadline Exceeded")

    def _tell_cancelled(self) -> None:
        self.service.cancel()
        if self.waits:
            self.told_written()
        if not self._tasks:
            self._connection.core.release(self._stream)

    def _conclude(self) -> None:
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
        self._connection.forget(self)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks -= 1
        self._connection.tasks.discard(task)
        if self.over and not self._tasks:
            self._connection.core.release(self._stream)


Method = Callable[[GrpcCall], Service]
"""Makes what serves a call."""


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
        self.transport: asyncio.Transport | None = None
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
        if self.transport is not None:
            self.transport.abort()

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
        self.transport = made = cast(asyncio.Transport, transport)  # uvloop's is none by descent
        made.set_write_buffer_limits(high=UNBUFFERED)
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
        if self.core.has_more and self.transport is not None:  # others have their turn first
            self.transport.pause_reading()
            self.loop.call_soon(self._go_on)
        if self.core.has_output:
            self.write_soon()

    def _go_on(self) -> None:
        self._work(b"")
        if self.transport is not None and not self.core.has_more and not self.transport.is_closing():
            self.transport.resume_reading()

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
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        while not self._paused and self.core.has_output:
            output = self.core.take_output()
            if not output:
                break  # it waits for the client's windows
            write(transport, output)
            if not self._paused:
                self.core.written()
        if self.waiting:
            self._tell_written()
        if self._leaving and not self.core.open_streams and not self._paused:
            transport.close()

    def _tell_written(self) -> None:
        for call in [call for call in self.waiting if call.over or call.queued <= HIGH_WATER]:
            self.waiting.discard(call)
            call.told_written()
