"""Calls over our HTTP/2 on an event loop, from both ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from mattermost_plugin.http2.channel import CallHandler, ClientChannel
from mattermost_plugin.http2.events import CallEnded, CallReceived, Event, MessageReceived, MessagesEnded
from mattermost_plugin.http2.header_blocks import Fields
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.server import ServerConnection
from mattermost_plugin.http2.statuses import OK
from mattermost_plugin.http2.streams import Stream

ECHO = "/test/Echo"


class Asked(CallHandler):
    """What a client is told of one call; it consumes everything at once."""

    def __init__(self, channel: ClientChannel) -> None:
        self.channel = channel
        self.stream: Stream
        self.fields: Fields = ()
        self.trailers: Fields = ()
        self.messages: list[bytes] = []
        self.text = ""
        self.untouched = False
        self.begun = asyncio.Event()
        self.has_room = asyncio.Event()
        self.outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def responded(self, fields: Fields) -> None:
        self.fields = fields
        self.begun.set()

    def message(self, data: bytes, credit: int) -> None:
        self.messages.append(data)
        self.channel.consume(self.stream, credit)

    def flush(self) -> None:
        pass

    def prepare(self) -> None:
        pass

    def writable(self) -> None:
        self.has_room.set()

    def ended(self, end: CallEnded) -> None:
        self.text, self.trailers, self.untouched = end.text, end.fields, end.untouched
        self.outcome.set_result(end.status)


def begin(
    channel: ClientChannel,
    path: str,
    messages: Sequence[bytes],
    *,
    timeout: float | None = None,
    fields: Fields = (),
    complete: bool = True,
) -> Asked:
    """Begin a call and send messages, which are all of them unless it is not `complete`."""
    asked = Asked(channel)
    asked.stream = channel.call(path, asked, timeout, fields)
    for message in messages:
        channel.send(asked.stream, [message])
    if complete:
        channel.end(asked.stream)
    return asked


class Answer:
    """A call at a server, in a test's hands."""

    def __init__(self, server: Served, call: CallReceived) -> None:
        self.path, self.timeout, self.fields = call.path, call.timeout, call.fields
        self.messages: list[bytes] = []
        self.complete = asyncio.Event()
        self.outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._server = server
        self._stream = call.stream

    def respond(self, fields: Fields = ()) -> None:
        self._server.core.respond(self._stream, fields)
        self._server.write()

    def send(self, message: bytes) -> None:
        self._server.core.send(self._stream, message)
        self._server.write()

    def finish(self, status: int = OK, text: str = "", fields: Fields = ()) -> None:
        self._server.core.finish(self._stream, status, text, fields)
        self._server.write()


class Served(asyncio.Protocol):
    """One connection to a server."""

    def __init__(self, handle: Callable[[Answer], object], limits: Limits) -> None:
        self.core = ServerConnection(limits)
        self.core.start()
        self._handle = handle
        self._transport: asyncio.Transport | None = None
        self._answers: dict[Stream, Answer] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.write()

    def data_received(self, data: bytes) -> None:
        events = self.core.receive(data)
        while self.core.has_more:
            events += self.core.receive(b"")
        for event in events:
            self._take(event)
        self.write()

    def connection_lost(self, exc: Exception | None) -> None:
        for event in self.core.lost("the connection is gone"):
            self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, CallReceived):
            answer = self._answers[event.stream] = Answer(self, event)
            self._handle(answer)
        elif isinstance(event, MessageReceived):
            self._answers[event.stream].messages.append(event.data)
            self.core.consume(event.stream, event.credit)
        elif isinstance(event, MessagesEnded):
            self._answers[event.stream].complete.set()
        elif isinstance(event, CallEnded):
            self._answers[event.stream].outcome.set_result(event.status)
            self.core.release(event.stream)

    def write(self) -> None:
        assert self._transport is not None
        while output := self.core.take_output():
            self._transport.write(b"".join(output))
        self.core.written()


@asynccontextmanager
async def serving(
    path: Path, handle: Callable[[Answer], object], limits: Limits | None = None
) -> AsyncIterator[list[Served]]:
    """A server of ours at a unix socket, and its connections."""
    connections: list[Served] = []

    def make() -> Served:
        connections.append(Served(handle, limits or Limits()))
        return connections[-1]

    server = await asyncio.get_running_loop().create_unix_server(make, str(path))
    try:
        yield connections
    finally:
        server.close()
        for connection in connections:
            if connection._transport is not None:
                connection._transport.abort()


async def echo_until_end(answer: Answer) -> None:
    """Answers with the metadata and the messages that it was sent."""
    answer.respond([field for field in answer.fields if field[0].startswith(b"x-")])
    await answer.complete.wait()
    for message in answer.messages:
        answer.send(message)
    answer.finish(OK)
