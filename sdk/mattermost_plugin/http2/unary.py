"""Calls of one message each way."""

from __future__ import annotations

import asyncio

from mattermost_plugin.http2.channel import CallHandler, ClientChannel
from mattermost_plugin.http2.errors import CannotCall
from mattermost_plugin.http2.events import CallEnded
from mattermost_plugin.http2.header_blocks import Fields
from mattermost_plugin.http2.statuses import OK
from mattermost_plugin.http2.streams import Stream
from mattermost_plugin.origin import here, metadata
from mattermost_plugin.statuses import CallFailed, Status, status_of


async def call(channel: ClientChannel, path: str, request: bytes, timeout: float) -> bytes:
    """Make a call; returns the response message. It is given up when its caller is cancelled.

    Args:
        channel: what carries it.
        path: what is called, `/package.Service/Method`.
        request: the request message.
        timeout: seconds for the answer.

    Raises:
        CallFailed: it ended otherwise, or could not be begun.
    """
    handler = _Unary(channel)
    try:
        stream = channel.call(path, handler, timeout, _fields())
    except CannotCall as error:
        raise CallFailed(Status.UNAVAILABLE, str(error)) from None
    try:
        handler.stream = stream
        channel.send(stream, [request])
        channel.end(stream)
        return await handler.answer
    finally:
        if stream.owner is not None:
            channel.cancel(stream)


def _fields() -> Fields:
    """The metadata of a call: where it began."""
    return [(name.encode(), value.encode()) for name, value in metadata(here())]


class _Unary(CallHandler):
    def __init__(self, channel: ClientChannel) -> None:
        self.stream: Stream | None = None
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._channel = channel
        self._messages: list[bytes] = []

    def responded(self, fields: Fields) -> None:
        """Nothing is done with metadata."""

    def message(self, data: bytes, credit: int) -> None:
        assert self.stream is not None, "nothing comes before the call has begun"
        self._messages.append(data)
        self._channel.consume(self.stream, credit)
        if len(self._messages) > 1:
            self._channel.cancel(self.stream)
            self._fail(Status.INTERNAL, "there are several answers to one request")

    def flush(self) -> None:
        """Each message was dealt with as it came."""

    def prepare(self) -> None:
        """Nothing waits for the end of a turn."""

    def writable(self) -> None:
        """Nobody waits for room: there is one message."""

    def ended(self, end: CallEnded) -> None:
        if end.status != OK:
            self._fail(status_of(end.status), end.text)
        elif not self._messages:
            self._fail(Status.INTERNAL, "the call ended without an answer")
        elif not self.answer.done():
            self.answer.set_result(self._messages[0])

    def _fail(self, status: Status, text: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(CallFailed(status, text))
