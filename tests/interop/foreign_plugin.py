"""A plugin written against the contract with raw grpcio: ServeHTTP, health and the handshake line, and no tunnel.

Of the project it uses the generated code alone. The path of a request says how it is answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

# Taken out of the environment before the package of the generated code is imported, which would keep stdout for itself.
if os.environ.pop("MATTERMOST_PLUGIN", None) != "Securely message teams, anywhere.":
    sys.exit("a host starts this plugin")

from google.protobuf import json_format

from mattermost_plugin.grpc import hooks_lifecycle_pb2, hooks_pb2_grpc
from mattermost_plugin.grpc.hooks_http_pb2 import (
    HTTPHeader,
    ServeHTTPRequest,
    ServeHTTPRequestInit,
    ServeHTTPResponse,
    ServeHTTPResponseInit,
)

NOTE_TIMEOUT = 60.0

Context = Any
Headers = list[tuple[str, list[str]]]


class Exchange:
    """One call: what the host sent, and what to answer."""

    def __init__(self, init: ServeHTTPRequestInit, first: ServeHTTPRequest, context: Context) -> None:
        self.init = init
        self.path, _, self.query = init.url.partition("?")
        self.context = context
        self._first = first

    async def body(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            EOFError: it was cut off.
        """
        message: Any = self._first
        while True:
            if message is grpc.aio.EOF:
                raise EOFError
            if message.body_chunk:
                yield message.body_chunk
            if message.body_complete:
                return
            message = await self.context.read()

    async def start(self, status: int = 200, headers: Headers | None = None, body: bytes = b"") -> None:
        entries = [HTTPHeader(key=key, values=values) for key, values in headers or []]
        init = ServeHTTPResponseInit(status_code=status, headers=entries)
        await self.context.write(ServeHTTPResponse(init=init, body_chunk=body, flush=bool(body)))

    async def write(self, body: bytes) -> None:
        await self.context.write(ServeHTTPResponse(body_chunk=body, flush=True))

    async def complete(self) -> None:
        await self.context.write(ServeHTTPResponse(body_complete=True))

    async def answer(self, body: bytes, status: int = 200, headers: Headers | None = None) -> None:
        """A whole response in one message."""
        entries = [HTTPHeader(key=key, values=values) for key, values in headers or []]
        init = ServeHTTPResponseInit(status_code=status, headers=entries)
        await self.context.write(ServeHTTPResponse(init=init, body_chunk=body, body_complete=True))


class Notes:
    """What happened, for the test to ask."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}

    def event(self, name: str) -> asyncio.Event:
        return self._events.setdefault(name, asyncio.Event())


notes = Notes()


async def hello(exchange: Exchange) -> None:
    await exchange.answer(b"hello", 201, [("Content-Type", ["text/plain"]), ("Set-Cookie", ["a=1", "b=2"])])


async def describe(exchange: Exchange) -> None:
    await exchange.answer(json_format.MessageToJson(exchange.init, always_print_fields_with_no_presence=True).encode())


async def no_status(exchange: Exchange) -> None:
    await exchange.answer(b"fine", 0)


async def framing(exchange: Exchange) -> None:
    headers = [("Connection", ["close, X-Private"]), ("X-Private", ["1"]), ("Transfer-Encoding", ["gzip"])]
    await exchange.answer(b"body", headers=headers)


async def stream(exchange: Exchange) -> None:
    await exchange.start(body=b"first")
    await notes.event("release").wait()
    await exchange.write(b"second")
    await exchange.complete()


async def release(exchange: Exchange) -> None:
    notes.event("release").set()
    await exchange.answer(b"")


async def echo(exchange: Exchange) -> None:
    try:
        await exchange.start()
        async for piece in exchange.body():
            await exchange.write(piece)
    except (EOFError, asyncio.CancelledError):
        notes.event("aborted").set()
        raise
    await exchange.complete()


async def upload(exchange: Exchange) -> None:
    size = 0
    async for piece in exchange.body():
        size += len(piece)
    await exchange.answer(json.dumps(size).encode())


async def early(exchange: Exchange) -> None:
    await exchange.answer(b"not needed", 403)


async def early_pieces(exchange: Exchange) -> None:
    await exchange.start(403)
    for _ in range(20):
        await exchange.write(b"not needed")
    await exchange.complete()


async def forever(exchange: Exchange) -> None:
    try:
        await exchange.start(body=b"first")
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        notes.event("cancelled").set()
        raise


async def silent(exchange: Exchange) -> None:
    await asyncio.Event().wait()


async def noted(exchange: Exchange) -> None:
    async with asyncio.timeout(NOTE_TIMEOUT):
        await notes.event(exchange.query).wait()
    await exchange.answer(b"noted")


async def status(exchange: Exchange) -> None:
    await exchange.answer(b"never seen", int(exchange.query))


async def split_value(exchange: Exchange) -> None:
    await exchange.answer(b"never seen", headers=[("X-Evil", ["1\r\nSet-Cookie: stolen=1"])])


async def bad_name(exchange: Exchange) -> None:
    await exchange.answer(b"never seen", headers=[("X Evil", ["1"])])


async def bad_length(exchange: Exchange) -> None:
    await exchange.answer(b"never seen", headers=[("Content-Length", ["4, 5"])])


async def too_long(exchange: Exchange) -> None:
    await exchange.start(headers=[("Content-Length", ["4"])], body=b"body")
    await exchange.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await exchange.complete()


async def too_short(exchange: Exchange) -> None:
    await exchange.start(headers=[("Content-Length", ["100"])], body=b"body")
    await exchange.complete()


async def truncated(exchange: Exchange) -> None:
    await exchange.start(body=b"begun")


async def failed(exchange: Exchange) -> None:
    await exchange.start(body=b"begun")
    await exchange.context.abort(grpc.StatusCode.INTERNAL, "the-password-is-swordfish")


async def no_answer(exchange: Exchange) -> None:
    pass


async def refused(exchange: Exchange) -> None:
    await exchange.context.abort(grpc.StatusCode.UNKNOWN, "the-password-is-swordfish")


async def no_head(exchange: Exchange) -> None:
    await exchange.write(b"no head")
    await exchange.complete()


ANSWERS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    f"/{function.__name__}": function
    for function in (
        hello,
        describe,
        no_status,
        framing,
        stream,
        release,
        echo,
        upload,
        early,
        early_pieces,
        forever,
        silent,
        noted,
        status,
        split_value,
        bad_name,
        bad_length,
        too_long,
        too_short,
        truncated,
        failed,
        no_answer,
        refused,
        no_head,
    )
}


class Hooks(hooks_pb2_grpc.PluginHooksServicer):
    """The hooks that this plugin has."""

    async def Implemented(self, request: Any, context: Context) -> hooks_lifecycle_pb2.ImplementedResponse:
        return hooks_lifecycle_pb2.ImplementedResponse(hooks=["OnActivate", "ServeHTTP", "HookOfTheFuture"])

    async def OnActivate(self, request: Any, context: Context) -> hooks_lifecycle_pb2.OnActivateResponse:
        print("a foreign plugin was activated", file=sys.stderr, flush=True)
        return hooks_lifecycle_pb2.OnActivateResponse()

    async def ServeHTTP(  # type: ignore[override]  # read/write style, where the stubs know only generators
        self, request_iterator: Any, context: Context
    ) -> None:
        first = await context.read()
        exchange = Exchange(first.init, first, context)
        await ANSWERS[exchange.path](exchange)


async def main() -> None:
    server = grpc.aio.server()
    healthy = health.aio.HealthServicer()
    await healthy.set("plugin", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    hooks_pb2_grpc.add_PluginHooksServicer_to_server(Hooks(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"1|1|tcp|127.0.0.1:{port}|grpc", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
