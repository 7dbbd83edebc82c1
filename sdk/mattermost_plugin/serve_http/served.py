"""The plugin's end of ServeHTTP: each call that a host makes, answered by an application."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import grpc

from mattermost_plugin.exchange import Body, End, Part, Request, Reset, ResetCode, Response, Serve
from mattermost_plugin.exchange_reset import STOPPING, ExchangeReset
from mattermost_plugin.grpc import hooks_http_pb2
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.serve_http.decoding import decode_request
from mattermost_plugin.serve_http.heads import entries
from mattermost_plugin.serve_http.pieces import pieces

logger = get_logger(__name__)


LINGER = 5.0
"""Seconds that an application may go on after its caller has gone, before it is cancelled."""


class ServedExchange:
    """The plugin's end: an exchange carried by a call that a host made."""

    def __init__(
        self, request: Request, context: grpc.aio.ServicerContext[Any, Any], stopping: asyncio.Event | None = None
    ) -> None:
        self.request = request
        self.stopping = stopping or asyncio.Event()
        self.over: asyncio.Future[Reset] = asyncio.get_running_loop().create_future()
        self._context = context
        self._endless = False
        self._inbox: deque[Part] = deque()
        self._request_complete = False
        self._reading: asyncio.Future[Any] | None = None
        self._sending: asyncio.Task[bool] | None = None

    async def receive(self) -> Part:
        while not self._inbox:
            if self.over.done():
                raise ExchangeReset.of(self.over.result())
            if self._request_complete:
                raise ExchangeReset.of(await self._ended())
            await self._read()
        return self._inbox.popleft()

    async def send(self, *parts: Part) -> None:
        """Send parts; when nobody waits for it any more, they go out all the same, before any others.

        gRPC writes one message at a time, and can neither take one back nor end the call meanwhile.
        """
        self._sending = asyncio.create_task(self._send(parts, after=self._sending))
        # The task must not raise: its error would keep the application's frames, and generators in them open.
        if not await asyncio.shield(self._sending):
            raise ExchangeReset.of(self.over.result())

    async def _send(self, parts: Sequence[Part], after: asyncio.Task[bool] | None) -> bool:
        """Whether all went out before the exchange was over."""
        if after is not None and not after.done():
            await asyncio.wait((after,))
        for part in parts:
            for message in _response_messages(part):
                if self.over.done() or not await self._write(message):
                    return False
            if isinstance(part, End):
                self.end(Reset(ResetCode.NO_ERROR, "the response is complete"))
        return True

    async def sent(self) -> None:
        """Waits until nothing is being sent, whatever became of it (for the server of streams)."""
        while self._sending is not None and not self._sending.done():
            await asyncio.wait((self._sending,))

    def stop_reading(self) -> None:
        """Let go of what was to be read: the call is over (for the server of streams)."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody wants it

    def reset(self, code: ResetCode, reason: str = "") -> None:
        self.end(Reset(code, reason))

    def end_receive_at_stop(self) -> None:
        self._endless = True

    async def _ended(self) -> Reset:
        """Waits for the end of the exchange, or of what has none by itself."""
        stop = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait((stop, self.over), return_when=asyncio.FIRST_COMPLETED)
            if not self.over.done() and not self._endless:
                await asyncio.wait((self.over,))
        finally:
            stop.cancel()
        return self.over.result() if self.over.done() else Reset(ResetCode.CANCELLED, STOPPING)

    def end(self, reason: Reset) -> None:
        """Nothing more will come or go (for the server of streams)."""
        if not self.over.done():
            self.over.set_result(reason)

    def take(self, message: hooks_http_pb2.ServeHTTPRequest) -> None:
        """What a message brings beside its head (for the server of streams)."""
        if message.body_chunk:
            self._inbox.append(Body(message.body_chunk))
        if message.body_complete:
            self._inbox.append(End())
            self._request_complete = True

    async def _read(self) -> None:
        """The host's next message, unless the exchange ends first; one that nobody waits for any more comes later."""
        self._reading = reading = self._reading or asyncio.ensure_future(self._context.read())
        await asyncio.wait((reading, self.over), return_when=asyncio.FIRST_COMPLETED)
        if reading.done() and self._reading is reading:
            self._reading = None
            self._take_read(reading)

    def _take_read(self, reading: asyncio.Future[Any]) -> None:
        lost = reading.cancelled() or reading.exception() is not None
        if not lost and isinstance(reading.result(), hooks_http_pb2.ServeHTTPRequest):
            self.take(reading.result())
        else:
            self.end(Reset(ResetCode.CANCELLED, "the request was cut short"))

    async def _write(self, message: hooks_http_pb2.ServeHTTPResponse) -> bool:
        try:
            await self._context.write(message)
        except (grpc.RpcError, grpc.aio.AioRpcError, grpc.aio.UsageError, grpc.aio.InternalError):
            self.end(Reset(ResetCode.CANCELLED, "the host has gone"))
            return False
        return True


class StreamServer:
    """Answers ServeHTTP calls at the plugin.

    A call ends with its response; the application's task may go on after it (background work) and belongs to this
    object, which cancels it in `close`.

    Args:
        serve: answers one exchange.
        linger: seconds that an application may go on after its caller has gone.
    """

    def __init__(self, serve: Serve, linger: float = LINGER) -> None:
        self._serve = serve
        self._linger = linger
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = 0
        self._stopping = asyncio.Event()

    def drain(self) -> None:
        """Tell applications that the process is about to stop; calls go on."""
        self._stopping.set()

    @property
    def in_flight(self) -> int:
        """How many calls are open."""
        return self._open

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that serve a call now; one may outlast its call."""
        return list(self._tasks)

    async def handle(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """One call, from its first message to its status."""
        first = await context.read()
        if not isinstance(first, hooks_http_pb2.ServeHTTPRequest) or not first.HasField("init"):
            await _answer_empty(context)
            return
        parts: list[Part] = []
        decode_request(parts, first.SerializeToString())
        assert isinstance(parts[0], Request), "it has a head"
        exchange = ServedExchange(parts[0], context, self._stopping)
        exchange.take(first)
        self._open += 1
        try:
            await self._run(exchange, context)
        finally:
            exchange.stop_reading()
            self._open -= 1

    async def close(self) -> None:
        """Cancel what still runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, exchange: ServedExchange, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        task = asyncio.create_task(self._serve_one(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            reason = await asyncio.shield(exchange.over)
            await exchange.sent()  # gRPC cannot end a call while it writes
        except asyncio.CancelledError:
            exchange.end(Reset(ResetCode.CANCELLED, "the host has gone"))
            self._end_soon(task)
            raise
        if reason.code is not ResetCode.NO_ERROR:
            self._end_soon(task)
            await context.abort(_status(reason.code), reason.reason)

    async def _serve_one(self, exchange: ServedExchange) -> None:
        try:
            await self._serve(exchange)
            await exchange.sent()
        except Exception:  # the border to what is served: one exchange's failure stays its own
            logger.exception("serving %s failed", exchange.request.method)
        finally:
            exchange.end(Reset(ResetCode.INTERNAL, "the server failed"))

    def _end_soon(self, task: asyncio.Task[None]) -> None:
        """The application has been told; if it does not end by itself it is cancelled."""
        timer = asyncio.get_running_loop().call_later(self._linger, task.cancel)
        task.add_done_callback(lambda _: timer.cancel())


async def _answer_empty(context: grpc.aio.ServicerContext[Any, Any]) -> None:
    logger.error("a ServeHTTP call without a request head")
    with contextlib.suppress(grpc.aio.UsageError):
        await context.write(_head(Response(500, [(b"content-type", b"text/plain")])))
        await context.write(
            hooks_http_pb2.ServeHTTPResponse(body_chunk=b"Empty request stream", body_complete=True, flush=True)
        )


def _head(response: Response) -> hooks_http_pb2.ServeHTTPResponse:
    headers = [
        hooks_http_pb2.HTTPHeader(key=key.decode(), values=[value.decode() for value in values])
        for key, values in entries(response.headers)
    ]
    init = hooks_http_pb2.ServeHTTPResponseInit(status_code=response.status, headers=headers)
    return hooks_http_pb2.ServeHTTPResponse(init=init, flush=True)


def _response_messages(part: Part) -> Iterator[hooks_http_pb2.ServeHTTPResponse]:
    if isinstance(part, Response):
        yield _head(part)
    elif isinstance(part, Body):
        for piece in pieces(part.data):
            yield hooks_http_pb2.ServeHTTPResponse(body_chunk=piece, flush=True)
    elif isinstance(part, End):
        yield hooks_http_pb2.ServeHTTPResponse(body_complete=True)


def _status(code: ResetCode) -> grpc.StatusCode:
    return grpc.StatusCode.CANCELLED if code is ResetCode.CANCELLED else grpc.StatusCode.INTERNAL
