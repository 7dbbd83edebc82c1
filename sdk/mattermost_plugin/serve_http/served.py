"""The plugin's end of ServeHTTP: each call that a host makes, answered by an application."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from mattermost_plugin.exchange import Body, End, Part, Request, Reset, ResetCode, Response, Serve
from mattermost_plugin.exchange_reset import STOPPING, ExchangeReset
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.serve_http.decoding import decode_request
from mattermost_plugin.serve_http.encoding import encode_response
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
        self._head: Response | None = None  # which was not sent yet, as the body
        self._body: list[bytes] = []
        self._size = 0
        self._has_room = True
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
        """A head waits for the end of the turn: a small body that follows in it shares its message, and the end too."""
        self._raise_if_over()
        waits = False
        for part in parts:
            if isinstance(part, Body):
                self._add(part.data)
                waits = False
            elif isinstance(part, Response):
                self._head = part
                waits = True
            elif isinstance(part, End):
                self._complete()
                return
        if waits:
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
        parts: list[Part] = []
        try:
            decode_request(parts, message)
        except ExchangeReset as error:
            self._finish(Reset(error.code, error.reason))
            return
        if self.task is None:
            head = parts.pop(0) if parts else None
            if not isinstance(head, Request):
                self._refuse()
                return
            self.request = head
            self.task = self._server.begin(self)
        for part in parts:
            if isinstance(part, Body):
                self._inbox.append((part, credit))
                credit = 0
            elif isinstance(part, End):
                self._inbox.append((part, 0))
                self._request_complete = True
        if credit:
            self._call.consume(credit)
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
        self._has_room = True
        _set(self._writer)

    # The server

    def tell_stopping(self) -> None:
        """The process is about to stop."""
        if self._endless:
            self._wake()

    def _refuse(self) -> None:
        if self._end is None:
            logger.error("a ServeHTTP call without a request head")
            self._head = NO_HEAD
            self._add(b"Empty request stream")
            self._complete()

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

    def _add(self, data: bytes) -> None:
        if self._size + len(data) > PIECE_SIZE:
            self._flush()
            *whole, data = pieces(data)
            for piece in whole:
                self._send([piece])
        self._body.append(data)
        self._size += len(data)

    def _complete(self) -> None:
        """The response ends with what was not sent yet."""
        self._send(self._body, complete=True)
        self._finish(Reset(ResetCode.NO_ERROR, "the response is complete"))

    def _flush(self) -> bool:
        """Send what was not sent; False where nothing should follow until `written`."""
        if self._head is None and not self._body:
            return self._has_room
        return self._send(self._body)

    def _send(self, body: list[bytes], *, complete: bool = False) -> bool:
        message = b"".join(encode_response(self._head, body, complete))
        self._head = None
        if body is self._body:
            self._body, self._size = [], 0
        self._has_room = self._call.send(message)
        return self._has_room

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


def _status(code: ResetCode) -> Status:
    return Status.CANCELLED if code is ResetCode.CANCELLED else Status.INTERNAL


def _set(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
