"""The asker's end of a stream of calls on an event loop: docs/protocol.md §9."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mattermost_plugin.calls.asking import Answer, Asking
from mattermost_plugin.calls.errors import CallRefused
from mattermost_plugin.grpc import calls_pb2
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.origin import here
from mattermost_plugin.statuses import CallFailed, Status, status_of
from mattermost_plugin.tunnel.direct import CallEnded, DirectMessageStream, connect
from mattermost_plugin.tunnel.errors import RemoteProtocolError

CONNECT = f"/{calls_pb2.DESCRIPTOR.services_by_name['Calls'].full_name}/Connect"
LINGER = 1.0
"""Seconds for what is being written when a client closes."""
WORK = 16
"""What it costs to take an answer, beside a field of a tunnel's message."""

logger = get_logger(__name__)


async def open_stream(target: Path | str) -> DirectMessageStream:
    """A stream for a client's calls.

    Args:
        target: a unix socket's path, or `unix:PATH` or `HOST:PORT`.

    Raises:
        OSError: nobody listens there.
    """
    return await connect(target, CONNECT)


class CallClient:
    """Makes calls on one stream; whoever makes it closes it.

    Args:
        stream: what carries them; nobody else may use it.
        largest: bytes that a response may have; negative for any number.

    Attributes:
        unknown: the other end does not take calls so, and never will.
    """

    def __init__(self, stream: DirectMessageStream, largest: int) -> None:
        self._stream = stream
        self._core = Asking(largest)
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self.unknown = False
        self._writable = True
        self._scheduled = False
        self._run = asyncio.create_task(stream.run(self))
        self._run.add_done_callback(self._fail_all)

    @property
    def lost(self) -> bool:
        """Whether nothing can be called here any more."""
        return self._run.done()

    def takes(self, method: str, body: bytes) -> bool:
        """Whether a call may be made here now."""
        return not self._run.done() and self._core.takes(method, body)

    async def call(self, method: str, body: bytes, timeout: float | None, largest: int | None = None) -> bytes:
        """Make a call that `takes` allows; returns the response message. It is cancelled when its caller is.

        Args:
            method: the rpc, as gRPC's path names it.
            body: the request message.
            timeout: seconds for the answer; None for any time.
            largest: bytes that the response to this call may have; None for what holds for all.

        Raises:
            CallFailed: it ended otherwise.
            CallRefused: nothing of it was begun.
            asyncio.CancelledError: the client was closed, if the caller was not cancelled.
        """
        future: asyncio.Future[bytes] = self._loop.create_future()
        number = self._core.ask(method, body, timeout, here(), largest)
        self._waiting[number] = future
        self._write_soon()
        timer = None if timeout is None else self._loop.call_later(timeout, _expire, future)
        try:
            return await future
        finally:
            if timer is not None:
                timer.cancel()
            if self._waiting.pop(number, None) is not None:
                self._core.give_up(number)
                self._write_soon()

    async def close(self) -> None:
        """Hang up; whoever waits for an answer gets a CancelledError."""
        for future in self._waiting.values():
            future.cancel()
        try:
            await self._stream.close(LINGER)
        finally:
            self._run.cancel()
            await asyncio.gather(self._run, return_exceptions=True)

    # What the stream calls

    def receive(self, data: bytes, start: int, end: int) -> int:
        """A message of the answerer's."""
        answers = self._core.receive(data[start:end])
        for answer in answers:
            self._settle(answer)
        return WORK * (len(answers) + 1)

    def resume(self) -> None:
        """The stream takes messages again."""
        self._writable = True
        self._write_soon()

    def _settle(self, answer: Answer) -> None:
        future = self._waiting.pop(answer.call, None)
        if future is None or future.done():  # given up in this very turn
            return
        if answer.refused:
            future.set_exception(CallRefused())
        elif answer.status != Status.OK:
            future.set_exception(CallFailed(status_of(answer.status), answer.text))
        else:
            future.set_result(answer.body)

    def _write_soon(self) -> None:
        """Write at the end of the event loop's turn, with what else is asked in it."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._scheduled = False
        while self._writable and not self._run.done() and (message := self._core.take()):
            self._writable = self._stream.send(message)

    def _fail_all(self, run: asyncio.Task[None]) -> None:
        self._stream.drop()
        error = None if run.cancelled() else run.exception()
        self.unknown = isinstance(error, CallEnded) and error.status == Status.UNIMPLEMENTED
        failure = CallRefused() if self.unknown else _failure(error)
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(failure)
        if isinstance(error, RemoteProtocolError):
            logger.warning("the other end broke the protocol of calls: %s", error)


def _expire(future: asyncio.Future[bytes]) -> None:
    if not future.done():
        future.set_exception(CallFailed(Status.DEADLINE_EXCEEDED, "Deadline Exceeded"))


def _failure(error: BaseException | None) -> CallFailed:
    return CallFailed(Status.UNAVAILABLE, str(error or "the other end closed the connection"))
