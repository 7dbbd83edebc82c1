"""The answerer's end of streams of calls on an event loop: docs/protocol.md §9."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

from mattermost_plugin.calls.answering import Answering, Asked
from mattermost_plugin.calls.client import CONNECT, WORK
from mattermost_plugin.calls.limits import MAX_CALLS
from mattermost_plugin.calls.outcomes import UNKNOWN_METHOD, Answer, Deadline, Outcome, outcome_of
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.origin import enter
from mattermost_plugin.statuses import Status
from mattermost_plugin.tunnel.direct import CallEnded, DirectMessageStream, DirectServer
from mattermost_plugin.tunnel.errors import RemoteProtocolError

EARLY_MESSAGES = 2 * MAX_CALLS
"""Messages that may come while a connection is being taken: an asker need not wait for it."""

logger = get_logger(__name__)


class CallServer:
    """Answers calls at a socket.

    Args:
        methods: what answers each rpc, by its path.
        largest: bytes that a response may have; negative for any number.

    Attributes:
        direct: takes the call that brings a stream, on connections of its own.
    """

    def __init__(self, methods: Mapping[str, Answer], largest: int) -> None:
        self.methods = methods
        self.largest = largest
        self.closing = False
        self.direct = DirectServer(CONNECT, self._carry, early_messages=EARLY_MESSAGES)
        self._streams: set[_Stream] = set()

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that answer calls now."""
        return [task for stream in self._streams for task in stream.tasks.values()]

    async def start(self, listener: socket.socket) -> None:
        """Answer at a socket that listens; it is closed in the end."""
        await self.direct.start(listener)

    async def close(self, grace: float) -> None:
        """Begin no call any more, give those that run so many seconds, and hang up."""
        self.closing = True
        try:
            if tasks := self.tasks:
                await asyncio.wait(tasks, timeout=grace)
        finally:
            await self.direct.close()

    async def _carry(self, stream: DirectMessageStream) -> None:
        calls = _Stream(self, stream)
        self._streams.add(calls)
        try:
            await stream.run(calls)
        except RemoteProtocolError as error:
            logger.warning("the other end broke the protocol of calls: %s", error)
            stream.hang_up(Status.INVALID_ARGUMENT, str(error))
        except CallEnded as error:
            logger.debug("who called is gone: %s", error)
        finally:
            self._streams.discard(calls)
            await calls.end()


class _Stream:
    """The calls of one connection, each in a task."""

    def __init__(self, server: CallServer, stream: DirectMessageStream) -> None:
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self._server = server
        self._stream = stream
        self._core = Answering()
        self._loop = asyncio.get_running_loop()
        self._writable = True
        self._scheduled = False
        self._ended = False

    def receive(self, data: bytes, start: int, end: int) -> int:
        """A message of the asker's."""
        cancelled = self._core.receive(data[start:end])
        begun = self._begin_next()
        for call in cancelled:
            if call in self.tasks:
                self.tasks[call].cancel()
        return WORK * (begun + len(cancelled) + 1)

    def resume(self) -> None:
        """The stream takes messages again."""
        self._writable = True
        self._write_soon()

    async def end(self) -> None:
        """Cancel all that runs, and wait for its end."""
        self._ended = True
        tasks = list(self.tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin_next(self) -> int:
        """Begin what may be begun; returns how many calls that were."""
        begun = 0
        while not self._ended and (asked := self._core.next()):
            begun += 1
            if self._server.closing:
                self._answer(asked.call, Outcome(), refused=True)
            else:
                self._begin(asked)
        return begun

    def _begin(self, asked: Asked) -> None:
        call, deadline = asked.call, Deadline(asked.timeout)
        self.tasks[call] = task = self._loop.create_task(self._serve(asked, deadline))
        timer = None if asked.timeout is None else self._loop.call_later(asked.timeout, task.cancel)

        def forget(task: asyncio.Task[None]) -> None:
            if timer is not None:
                timer.cancel()
            del self.tasks[call]
            if not self._core.has_answered(call):  # it was cancelled, perhaps before it ran at all
                self._answer(call, deadline.ending())

        task.add_done_callback(forget)

    async def _serve(self, asked: Asked, deadline: Deadline) -> None:
        enter(asked.origin)
        answer = self._server.methods.get(asked.method)
        if answer is None:
            self._answer(asked.call, UNKNOWN_METHOD)
        else:
            largest = self._server.largest
            self._answer(asked.call, await outcome_of(answer, asked.method, asked.body, deadline, largest))

    def _answer(self, call: int, outcome: Outcome, *, refused: bool = False) -> None:
        self._core.answer(call, outcome.body, outcome.status, outcome.text, refused=refused)
        self._write_soon()

    def _write_soon(self) -> None:
        """Write at the end of the event loop's turn, with what else is answered in it."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._scheduled = False
        while self._writable and not self._ended and (message := self._core.take()):
            self._writable = self._stream.send(message)
        self._begin_next()
