"""The answerer's end of streams of calls on an event loop: docs/protocol.md §9."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from mattermost_plugin.calls.answering import Answering, Asked
from mattermost_plugin.calls.client import CONNECT, WORK
from mattermost_plugin.calls.errors import CallFailed
from mattermost_plugin.calls.limits import MAX_CALLS
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.tunnel.direct import CallEnded, DirectMessageStream, DirectServer
from mattermost_plugin.tunnel.errors import RemoteProtocolError

Code = grpc.StatusCode
INVALID_ARGUMENT: int = Code.INVALID_ARGUMENT.value[0]
EARLY_MESSAGES = 2 * MAX_CALLS
"""Messages that may come while a connection is being taken: an asker need not wait for it."""

logger = get_logger(__name__)


class CallContext(Protocol):
    """What a handler knows of its call; gRPC's own context is one."""

    def time_remaining(self) -> float | None:
        """Seconds that are left for the answer; None for any time."""
        ...


Answer = Callable[[bytes, CallContext], Awaitable[bytes]]
"""Answers one rpc, from message to message. Raises CallFailed for any other status."""


def answering(handler: Callable[[Any, Any], Awaitable[Message]], request: type[Message]) -> Answer:
    """Has a handler of messages answer.

    Args:
        handler: takes the request and the context.
        request: the request's class.
    """

    async def answer(body: bytes, context: CallContext) -> bytes:
        response = await handler(request.FromString(body), context)
        return response.SerializeToString()

    return answer


class CallServer:
    """Answers calls at a socket.

    Args:
        methods: what answers each rpc, by its path.
        largest: bytes that a response may have; negative for any number.
    """

    def __init__(self, methods: Mapping[str, Answer], largest: int) -> None:
        self.methods = methods
        self.largest = largest
        self.closing = False
        self._direct = DirectServer(CONNECT, self._carry, early_messages=EARLY_MESSAGES)
        self._streams: set[_Stream] = set()

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that answer calls now."""
        return [task for stream in self._streams for task in stream.tasks.values()]

    async def start(self, listener: socket.socket) -> None:
        """Answer at a socket that listens; it is closed in the end."""
        await self._direct.start(listener)

    async def close(self, grace: float) -> None:
        """Begin no call any more, give those that run so many seconds, and hang up."""
        self.closing = True
        try:
            if tasks := self.tasks:
                await asyncio.wait(tasks, timeout=grace)
        finally:
            await self._direct.close()

    async def _carry(self, stream: DirectMessageStream) -> None:
        calls = _Stream(self, stream)
        self._streams.add(calls)
        try:
            await stream.run(calls)
        except RemoteProtocolError as error:
            logger.warning("the other end broke the protocol of calls: %s", error)
            stream.hang_up(INVALID_ARGUMENT, str(error))
        except CallEnded as error:
            logger.debug("who called is gone: %s", error)
        finally:
            self._streams.discard(calls)
            await calls.end()


class _Context:
    def __init__(self, timeout: float | None) -> None:
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def time_remaining(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())


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
                self._answer(asked.call, refused=True)
            else:
                self._begin(asked)
        return begun

    def _begin(self, asked: Asked) -> None:
        call, context = asked.call, _Context(asked.timeout)
        self.tasks[call] = task = self._loop.create_task(self._serve(asked, context))
        timer = None if asked.timeout is None else self._loop.call_later(asked.timeout, task.cancel)

        def forget(task: asyncio.Task[None]) -> None:
            if timer is not None:
                timer.cancel()
            del self.tasks[call]
            if not self._core.has_answered(call):  # it was cancelled, perhaps before it ran at all
                self._answer(call, *_ending(context))

        task.add_done_callback(forget)

    async def _serve(self, asked: Asked, context: _Context) -> None:
        try:
            answer = self._server.methods.get(asked.method)
            if answer is None:
                raise CallFailed(Code.UNIMPLEMENTED, "Method not found!")
            body = await answer(asked.body, context)
            self._check_size(body)
        except CallFailed as failure:
            self._answer(asked.call, b"", failure.code(), failure.details())
        except Exception as error:  # the border to what answers; gRPC says the same of it
            logger.exception("%s failed", asked.method)
            self._answer(asked.call, b"", Code.UNKNOWN, f"Unexpected {type(error)}: {error}")
        else:
            self._answer(asked.call, body)

    def _check_size(self, body: bytes) -> None:
        largest = self._server.largest
        if 0 <= largest < len(body):
            raise CallFailed(Code.RESOURCE_EXHAUSTED, f"Sent message larger than max ({len(body)} vs. {largest})")

    def _answer(
        self, call: int, body: bytes = b"", code: grpc.StatusCode = Code.OK, text: str = "", *, refused: bool = False
    ) -> None:
        self._core.answer(call, body, code.value[0], text, refused=refused)
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


def _ending(context: _Context) -> tuple[bytes, grpc.StatusCode, str]:
    if context.time_remaining() == 0:
        return b"", Code.DEADLINE_EXCEEDED, "Deadline Exceeded"
    return b"", Code.CANCELLED, "the call was cancelled"
