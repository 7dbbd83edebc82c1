"""One call that has come over gRPC's own way, as what serves it sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from mattermost_plugin.calls.outcomes import Deadline
from mattermost_plugin.statuses import Status

if TYPE_CHECKING:
    from mattermost_plugin.http2.header_blocks import Fields
    from mattermost_plugin.http2.streams import Stream
    from mattermost_plugin.listening.grpc_connection import GrpcConnection

HIGH_WATER = 64 * 1024
"""Bytes of a call that may wait to be written before its sender waits."""


class Service(Protocol):
    """Serves one call; told in the turn in which something has come, and never waits."""

    def take(self, message: bytes, credit: int) -> None:
        """The client's next message; `credit` is what `GrpcCall.consume` is to be told of it."""
        ...

    def end(self) -> None:
        """The client sends no more."""
        ...

    def cancel(self) -> None:
        """Nobody waits for an answer any more: the client has given up, or is gone, or the time is over."""
        ...

    def written(self) -> None:
        """There is room for more, after `GrpcCall.send` said that there was none; or nobody reads any more."""
        ...


class Nothing:
    """What serves a call that is over already."""

    def take(self, message: bytes, credit: int) -> None:
        """Nobody is told of it."""

    end = cancel = written = lambda self: None


Method = Callable[["GrpcCall"], Service]
"""Makes what serves a call."""


NOTHING = Nothing()


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
