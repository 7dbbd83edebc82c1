"""Calls with as many messages as either end sends, served by a coroutine."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from mattermost_plugin.listening.grpc_connection import GrpcCall, Method
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.statuses import CallFailed, Status

logger = get_logger(__name__)


class CallGone(ConnectionError):
    """Nobody reads any more."""


def streaming(serve: Callable[[MessageFlow], Awaitable[None]]) -> Method:
    """Has calls served, each in a task; one that returns ends with OK, one that raises CallFailed with its status."""

    def begin(call: GrpcCall) -> MessageFlow:
        flow = MessageFlow(call)
        flow.start(serve)
        return flow

    return begin


class MessageFlow:
    """The messages of one such call."""

    def __init__(self, call: GrpcCall) -> None:
        self._call = call
        self._inbox: deque[tuple[bytes, int]] = deque()
        self._ended = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def read(self) -> bytes | None:
        """The client's next message; None at its end."""
        while not self._inbox:
            if self._ended:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        message, credit = self._inbox.popleft()
        self._call.consume(credit)
        return message

    async def write(self, message: bytes) -> None:
        """Send a message; waits while the client does not keep up.

        Raises:
            CallGone: it has gone.
        """
        if not self._call.send(message) and not self._call.over:
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer
        if self._call.over:
            raise CallGone("the client has gone")

    def respond(self) -> None:
        """Let the client know that it is served, before there is a message."""
        self._call.respond()

    # What the connection calls

    def take(self, message: bytes, credit: int) -> None:
        self._inbox.append((message, credit))
        _wake(self._reader)

    def end(self) -> None:
        self._ended = True
        _wake(self._reader)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def written(self) -> None:
        _wake(self._writer)

    def start(self, serve: Callable[[MessageFlow], Awaitable[None]]) -> None:
        """Begin to serve the call."""
        self._task = self._call.spawn(self._serve(serve))

    async def _serve(self, serve: Callable[[MessageFlow], Awaitable[None]]) -> None:
        call = self._call
        try:
            await serve(self)
        except CallFailed as failure:
            call.finish(failure.status, failure.details)
        except CallGone:
            logger.debug("who called %s has gone", call.path)
        except Exception as error:  # the border to what serves; gRPC's library says the same of it
            logger.exception("%s failed", call.path)
            call.finish(Status.UNKNOWN, f"Unexpected {type(error)}: {error}")
        else:
            call.finish()
        finally:
            call.finish(Status.CANCELLED, "the call was cancelled")


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
