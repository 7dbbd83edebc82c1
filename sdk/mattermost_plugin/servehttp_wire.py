"""The contract's own way across: one `PluginHooks.ServeHTTP` call for each HTTP request, at either end.

What the contract cannot say stays behind: WebSockets, interim responses, trailers. Its rules as kept here:

- The first message of each direction holds `init`; any message may hold a piece of body; the last has `body_complete`.
- A call that ends without `body_complete` was cut short. It is never taken for a complete body.
- Each piece of a response is sent with `flush`, so that a host which buffers does not hold it back.
- A failure after the response started ends the call with a status that is not OK.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import grpc

from mattermost_plugin.exchange import (
    Address,
    Body,
    End,
    Headers,
    Informational,
    Part,
    Request,
    Reset,
    ResetCode,
    Response,
    Serve,
)
from mattermost_plugin.exchange_reset import STOPPING, ExchangeReset
from mattermost_plugin.grpc import hooks_common_pb2, hooks_http_pb2
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.streams import CallStream

logger = get_logger(__name__)

PIECE_SIZE = 64 * 1024
"""The largest piece of body in one message: beyond it gRPC is slower, not faster."""

LINGER = 5.0
"""Seconds that an application may go on after its caller has gone, before it is cancelled."""

UNKNOWN_LENGTH = -1

FINAL_STATUSES = range(200, 1000)


def encode_request(request: Request) -> hooks_http_pb2.ServeHTTPRequestInit:
    """A request head as the contract has it: `url` is below the mount prefix, `request_uri` is what the client sent."""
    major, _, minor = request.http_version.partition(".")
    length = request.header(b"content-length")
    return hooks_http_pb2.ServeHTTPRequestInit(
        plugin_context=_plugin_context(request),
        method=request.method,
        url=_text(request.target[request.root_length :]) or "/",
        proto=f"HTTP/{major}.{minor or 0}",
        proto_major=int(major),
        proto_minor=int(minor or 0),
        headers=_encode_headers(_contract_headers(request)),
        host=_text(request.header(b"host") or b""),
        remote_addr=_join_address(request.client),
        request_uri=_text(request.target),
        content_length=int(length) if length is not None else (UNKNOWN_LENGTH if _may_have_body(request) else 0),
    )


def decode_request(init: hooks_http_pb2.ServeHTTPRequestInit) -> Request:
    """The request that a host's `init` describes."""
    target, root_length = _mount(init.request_uri.encode(), init.url.encode())
    headers = _decode_headers(init.headers)
    names = {name for name, _ in headers}
    if init.host and b"host" not in names:
        headers.insert(0, (b"host", init.host.encode()))
    if init.content_length > 0 and b"content-length" not in names:
        headers.append((b"content-length", b"%d" % init.content_length))
    forwarded_scheme = next((value for name, value in headers if name == b"x-forwarded-proto"), b"")
    return Request(
        init.method or "GET",
        target,
        root_length,
        headers,
        scheme="https" if forwarded_scheme == b"https" else "http",
        http_version=_http_version(init.proto_major, init.proto_minor),
        client=_split_address(init.remote_addr),
        server=_split_address(init.host),
        request_id=init.plugin_context.request_id.encode(),
    )


def encode_response(response: Response) -> hooks_http_pb2.ServeHTTPResponse:
    """The first message of a response."""
    return hooks_http_pb2.ServeHTTPResponse(
        init=hooks_http_pb2.ServeHTTPResponseInit(
            status_code=response.status, headers=_encode_headers(response.headers)
        ),
        flush=True,
    )


def decode_response(init: hooks_http_pb2.ServeHTTPResponseInit) -> Response:
    """The response head that a plugin's `init` describes; no status means 200.

    Raises:
        ExchangeReset: the status is no final one.
    """
    status = init.status_code or 200
    if status not in FINAL_STATUSES:
        raise ExchangeReset(ResetCode.PROTOCOL, f"the plugin answered with the impossible status {status}")
    return Response(status, _decode_headers(init.headers))


class CalledExchange:
    """The gateway's end: an exchange carried by a call that this side made."""

    def __init__(self, request: Request, call: grpc.aio.StreamStreamCall[Any, Any]) -> None:
        self.request = request
        self._call = call
        self._stream = CallStream(call)
        self._inbox: deque[Part] = deque()
        self._responding = False
        self.over: asyncio.Future[Reset] = asyncio.get_running_loop().create_future()
        if (request.header(b"expect") or b"").lower() == b"100-continue":
            self._inbox.append(Informational(100))  # the contract cannot ask for the body, so it is always wanted

    async def start(self) -> None:
        """Send the request head."""
        await self._write(hooks_http_pb2.ServeHTTPRequest(init=encode_request(self.request)))

    async def receive(self) -> Part:
        while not self._inbox:
            if self.over.done():
                raise ExchangeReset.of(self.over.result())
            await self._read()
        return self._inbox.popleft()

    async def send(self, *parts: Part) -> None:
        for part in parts:
            if isinstance(part, Body):
                for piece in _pieces(part.data):
                    await self._write(hooks_http_pb2.ServeHTTPRequest(body_chunk=piece))
            elif isinstance(part, End):
                await self._write(hooks_http_pb2.ServeHTTPRequest(body_complete=True))
                await self._call.done_writing()

    def reset(self, code: ResetCode, reason: str = "") -> None:
        self._end(Reset(code, reason))
        self._call.cancel()

    async def _write(self, message: hooks_http_pb2.ServeHTTPRequest) -> None:
        if self.over.done():
            raise ExchangeReset.of(self.over.result())
        try:
            await self._stream.write(message)
        except (grpc.RpcError, asyncio.InvalidStateError):
            # The call ended. What the plugin said before, perhaps a whole response, is still to be read.
            raise ExchangeReset(ResetCode.NO_ERROR, "the plugin takes no more of the request") from None
        except asyncio.CancelledError:
            self._raise_unless_reset()
            raise ExchangeReset.of(self.over.result()) from None

    async def _read(self) -> None:
        try:
            message = await self._stream.read()
        except grpc.RpcError as error:
            self._end(Reset(ResetCode.INTERNAL, _describe(error)))
            return
        except asyncio.CancelledError:
            self._raise_unless_reset()
            return
        if isinstance(message, hooks_http_pb2.ServeHTTPResponse):
            self._take(message)
        else:
            self._end(Reset(ResetCode.INTERNAL, "the plugin ended the call before its response was complete"))

    def _raise_unless_reset(self) -> None:
        """gRPC reports a call that `reset` has cancelled as if this task had been; lets real cancellation through."""
        task = asyncio.current_task()
        if not self.over.done() or (task is not None and task.cancelling()):
            raise

    def _take(self, message: hooks_http_pb2.ServeHTTPResponse) -> None:
        if not self._responding:
            if not message.HasField("init"):
                self._end(Reset(ResetCode.PROTOCOL, "the plugin's first message has no response head"))
                return
            self._inbox.append(decode_response(message.init))
            self._responding = True
        if message.body_chunk:
            self._inbox.append(Body(message.body_chunk))
        if message.body_complete:
            self._inbox.append(End())
            self._end(Reset(ResetCode.NO_ERROR, "the response is complete"))

    def _end(self, reason: Reset) -> None:
        if not self.over.done():
            self.over.set_result(reason)


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
        exchange = ServedExchange(decode_request(first.init), context, self._stopping)
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
        await context.write(encode_response(Response(500, [(b"content-type", b"text/plain")])))
        await context.write(
            hooks_http_pb2.ServeHTTPResponse(body_chunk=b"Empty request stream", body_complete=True, flush=True)
        )


def _response_messages(part: Part) -> Iterator[hooks_http_pb2.ServeHTTPResponse]:
    if isinstance(part, Response):
        yield encode_response(part)
    elif isinstance(part, Body):
        for piece in _pieces(part.data):
            yield hooks_http_pb2.ServeHTTPResponse(body_chunk=piece, flush=True)
    elif isinstance(part, End):
        yield hooks_http_pb2.ServeHTTPResponse(body_complete=True)


def _pieces(data: bytes) -> Iterator[bytes]:
    if len(data) <= PIECE_SIZE:
        yield data
        return
    for start in range(0, len(data), PIECE_SIZE):
        yield data[start : start + PIECE_SIZE]


def _mount(request_uri: bytes, url: bytes) -> tuple[bytes, int]:
    """Target and root length: what `request_uri` has in front of `url` is where the plugin is mounted."""
    path = url.partition(b"?")[0]
    full = request_uri.partition(b"?")[0]
    if full.endswith(path) and path.startswith(b"/"):
        return request_uri, len(full) - len(path)
    return url or b"/", 0


def _encode_headers(headers: Headers) -> list[hooks_http_pb2.HTTPHeader]:
    """Headers as the contract has them: one entry a name, in Go's canonical case, with all its values."""
    grouped: dict[bytes, list[str]] = {}
    for name, value in headers:
        grouped.setdefault(name, []).append(_text(value))
    return [hooks_http_pb2.HTTPHeader(key=_canonical(name), values=values) for name, values in grouped.items()]


def _decode_headers(headers: Any) -> list[tuple[bytes, bytes]]:
    return [(header.key.lower().encode(), value.encode()) for header in headers for value in header.values]


def _canonical(name: bytes) -> str:
    return "-".join(word.capitalize() for word in _text(name).split("-"))


def _plugin_context(request: Request) -> hooks_common_pb2.PluginContext:
    return hooks_common_pb2.PluginContext(
        request_id=_text(request.request_id or request.header(b"x-request-id") or b""),
        ip_address=request.client[0] if request.client else "",
        accept_language=_text(request.header(b"accept-language") or b""),
        user_agent=_text(request.header(b"user-agent") or b""),
    )


def _contract_headers(request: Request) -> Headers:
    """The headers without Host, which has its own field, and with the scheme, which has none: it goes by the header
    that proxies use for it."""
    secure = request.scheme == "https"
    replaced = (b"host", b"x-forwarded-proto") if secure else (b"host",)
    headers = [header for header in request.headers if header[0] not in replaced]
    return [*headers, (b"x-forwarded-proto", b"https")] if secure else headers


def _may_have_body(request: Request) -> bool:
    """Without a content-length the framing that would tell has been removed; the method is the best guess left."""
    return request.method not in ("GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "CONNECT")


def _http_version(major: int, minor: int) -> str:
    if not major:
        return "1.1"
    return f"{major}.{minor}" if major == 1 else str(major)


def _text(value: bytes) -> str:
    """Protobuf strings are UTF-8; a value that is not goes as Latin-1, the only other thing it can be in HTTP."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _join_address(address: Address | None) -> str:
    if address is None:
        return ""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split_address(text: str) -> Address | None:
    try:
        parts = urlsplit(f"//{text}")
        return (parts.hostname, parts.port or 0) if parts.hostname else None
    except ValueError:
        return None


def _status(code: ResetCode) -> grpc.StatusCode:
    return grpc.StatusCode.CANCELLED if code is ResetCode.CANCELLED else grpc.StatusCode.INTERNAL


def _describe(error: grpc.RpcError) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error)
