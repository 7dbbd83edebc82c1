"""The plugin's end of ServeHTTP: each call that a host makes, answered by an application."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from google.protobuf.message import DecodeError

from mattermost_plugin.exchange import Body, End, Part, Request, Reset, ResetCode, Response, Serve
from mattermost_plugin.exchange_reset import STOPPING, ExchangeReset
from mattermost_plugin.grpc import hooks_http_pb2 as pb
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.serve_http.decoding import decode_request
from mattermost_plugin.serve_http.heads import entries
from mattermost_plugin.serve_http.pieces import PIECE_SIZE, pieces
from mattermost_plugin.statuses import Status

logger = get_logger(__name__)

LINGER = 5.0
"""Seconds that an application may go on after its caller has gone, before it is cancelled."""
NO_HEAD = Response(500, [(b"content-type", b"text/plain")])


class Call(Protocol):
    """What carries an exchange: a gRPC call that a host made."""

    @property
    def over(self) -> bool:
        """Nothing can be said to the host any more."""
        ...

    def send(self, message: bytes) -> bool:
        """Send a message; False where nothing should follow until `written`."""
        ...

    def consume(self, credit: int) -> None:
        """The application took messages."""
        ...

    def finish(self, status: int = Status.OK, text: str = "") -> None:
        """End the call, after what waits."""
        ...


class ServedExchange:
    """The plugin's end: an exchange carried by a call that a host made.

    Attributes:
        request: what the host asks, once its first message has come.
        task: what answers it.
    """

    def __init__(self, server: StreamServer, call: Call) -> None:
        self.request = NOTHING
        self.task: asyncio.Task[None] | None = None
        self._server = server
        self._call = call
        self._inbox: deque[tuple[Part, int]] = deque()  # each with the credit of its message
        self._unsent: list[pb.ServeHTTPResponse] = []
        self._request_complete = False
        self._cut_short = False
        self._endless = False
        self._end: Reset | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    # The exchange

    @property
    def stopping(self) -> asyncio.Event:
        return self._server.stopping

    def end_receive_at_stop(self) -> None:
        self._endless = True

    async def receive(self) -> Part:
        while not self._inbox:
            self._check_open()
            self._reader = self._server.loop.create_future()
            await self._reader
        part, credit = self._inbox.popleft()
        if credit:
            self._call.consume(credit)
        return part

    async def send(self, *parts: Part) -> None:
        self._raise_if_over()
        for part in parts:
            add_part(self._unsent, part)
        last = parts[-1] if parts else None
        if isinstance(last, End):
            self._finish(Reset(ResetCode.NO_ERROR, "the response is complete"))
        elif isinstance(last, Response):  # a small body may follow in this very turn, and share its message
            self._server.loop.call_soon(self._flush)
        elif not self._flush():
            self._writer = self._server.loop.create_future()
            await self._writer
            self._raise_if_over()

    def reset(self, code: ResetCode, reason: str = "") -> None:
        self._finish(Reset(code, reason))

    # The call

    def take(self, message: bytes, credit: int) -> None:
        """The host's next message."""
        try:
            told = pb.ServeHTTPRequest.FromString(message)
        except DecodeError:
            self._finish(Reset(ResetCode.PROTOCOL, "a message that cannot be read"))
            return
        if self.task is None and not self._begin(told):
            return
        if told.body_chunk:
            self._inbox.append((Body(told.body_chunk), credit))
        elif credit:
            self._call.consume(credit)
        if told.body_complete:
            self._inbox.append((End(), 0))
            self._request_complete = True
        self._wake()

    def end(self) -> None:
        """The host sends no more messages."""
        if self.task is None:
            self._refuse()
        elif not self._request_complete:
            self._cut_short = True
            self._wake()

    def cancel(self) -> None:
        """The host has given up, or is gone."""
        self._finish(Reset(ResetCode.CANCELLED, "the host has gone"))

    def written(self) -> None:
        """There is room for more, or nobody reads any more."""
        _set(self._writer)

    # The server

    def tell_stopping(self) -> None:
        """The process is about to stop."""
        if self._endless:
            self._wake()

    def _begin(self, first: pb.ServeHTTPRequest) -> bool:
        if not first.HasField("init"):
            self._refuse()
            return False
        self.request = _request(first)
        self.task = self._server.begin(self)
        return True

    def _refuse(self) -> None:
        if self._end is None:
            logger.error("a ServeHTTP call without a request head")
            for part in (NO_HEAD, Body(b"Empty request stream"), End()):
                add_part(self._unsent, part)
            self._finish(Reset(ResetCode.NO_ERROR, "there was no request"))

    def _check_open(self) -> None:
        self._raise_if_over()
        if self._endless and self.stopping.is_set():
            raise ExchangeReset(ResetCode.CANCELLED, STOPPING)
        if self._cut_short:
            self._finish(Reset(ResetCode.CANCELLED, "the request was cut short"))
            self._raise_if_over()

    def _raise_if_over(self) -> None:
        if self._end is not None:
            raise ExchangeReset.of(self._end)

    def _finish(self, reset: Reset) -> None:
        """Nothing more will come or go."""
        if self._end is not None:
            return
        self._flush()
        self._end = reset
        failed = reset.code is not ResetCode.NO_ERROR
        if failed:
            self._call.finish(_status(reset.code), reset.reason)
        else:
            self._call.finish()
        self._wake()
        _set(self._writer)
        self._server.ended(self, failed)

    def _flush(self) -> bool:
        """Send what was not sent; False where nothing should follow until `written`."""
        room = True
        messages, self._unsent = self._unsent, []
        for message in messages:
            room = self._call.send(message.SerializeToString())
        return room

    def _wake(self) -> None:
        _set(self._reader)


class StreamServer:
    """Answers ServeHTTP calls at the plugin.

    A call ends with its response; the application's task may go on after it (background work) and belongs to this
    object, which cancels it in `close`.

    Args:
        serve: answers one exchange.
        linger: seconds that an application may go on after its caller has gone.

    Attributes:
        loop: the event loop.
        stopping: set once the process is about to stop.
    """

    def __init__(self, serve: Serve, linger: float = LINGER) -> None:
        self.loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        self._serve = serve
        self._linger = linger
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[ServedExchange] = set()

    def serve_call(self, call: Call) -> ServedExchange:
        """What serves one call."""
        return ServedExchange(self, call)

    def drain(self) -> None:
        """Tell applications that the process is about to stop; calls go on."""
        self.stopping.set()
        for exchange in list(self._open):
            exchange.tell_stopping()

    @property
    def in_flight(self) -> int:
        """How many calls are open."""
        return len(self._open)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that serve a call now; one may outlast its call."""
        return list(self._tasks)

    async def close(self) -> None:
        """Cancel what still runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # For the exchanges

    def begin(self, exchange: ServedExchange) -> asyncio.Task[None]:
        """Have an exchange answered."""
        self._open.add(exchange)
        task = self.loop.create_task(self._serve_one(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def ended(self, exchange: ServedExchange, failed: bool) -> None:
        """An exchange is over. The application has been told; if it does not end by itself it is cancelled."""
        self._open.discard(exchange)
        task = exchange.task
        if failed and task is not None and not task.done():
            timer = self.loop.call_later(self._linger, task.cancel)
            task.add_done_callback(lambda _: timer.cancel())

    async def _serve_one(self, exchange: ServedExchange) -> None:
        try:
            await self._serve(exchange)
        except Exception:  # the border to what is served: one exchange's failure stays its own
            logger.exception("serving %s failed", exchange.request.method)
        finally:
            exchange.reset(ResetCode.INTERNAL, "the server failed")


NOTHING = Request("", b"")


def _request(message: pb.ServeHTTPRequest) -> Request:
    """The request that the first message of a call is about."""
    parts: list[Part] = []
    decode_request(parts, message.SerializeToString())
    assert isinstance(parts[0], Request), "it has a head"
    return parts[0]


def _head(response: Response) -> pb.ServeHTTPResponse:
    headers = [
        pb.HTTPHeader(key=key.decode(), values=[value.decode() for value in values])
        for key, values in entries(response.headers)
    ]
    init = pb.ServeHTTPResponseInit(status_code=response.status, headers=headers)
    return pb.ServeHTTPResponse(init=init, flush=True)


def add_part(messages: list[pb.ServeHTTPResponse], part: Part) -> None:
    """Add a part to messages that leave together: a small body joins its head, and the end either."""
    if isinstance(part, Response):
        messages.append(_head(part))
    elif isinstance(part, Body):
        if messages and not messages[-1].body_chunk and len(part.data) <= PIECE_SIZE:
            messages[-1].body_chunk = part.data
        else:
            messages.extend(pb.ServeHTTPResponse(body_chunk=piece, flush=True) for piece in pieces(part.data))
    elif isinstance(part, End):
        if not messages:
            messages.append(pb.ServeHTTPResponse())
        messages[-1].body_complete = True


def _status(code: ResetCode) -> Status:
    return Status.CANCELLED if code is ResetCode.CANCELLED else Status.INTERNAL


def _set(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
