"""Handlers of the ServeHTTP hook, `(context, response_writer, request)`, as an ASGI application that streams.

| handler | starts | reads the body by | a write |
|---|---|---|---|
| sync, in a thread | at once | `request.body`, `request.read()`, `for chunk in request` | waits for the client |
| async | when the body is there | `request.body` | queues; `await response_writer.drain()` waits |
| async, `stream=True` | at once | `await request.read()`, `async for chunk in request` | queues; `drain()` waits |

What is written leaves at once. Once the client has gone, reads and writes raise an `OSError`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from mattermost_plugin.loggers import get_logger
from mattermost_plugin.serve_http.request import (
    BodyTooLarge,
    HTTPRequest,
    StreamingHTTPRequest,
    blocking_pieces,
    body_pieces,
    collected,
    request_head,
)
from mattermost_plugin.serve_http.thread_bridge import ThreadBridge
from mattermost_plugin.serve_http.writer import BlockingWriter, HTTPResponseWriter, QueueingWriter
from mattermost_plugin.types import Receive, Scope, Send

__all__ = ["HTTPRequest", "HTTPResponseWriter", "HookApplication", "StreamingHTTPRequest"]

SYNC_THREADS = 40
"""Sync handlers that run at a time; further requests wait for a thread."""

HTTPHandler: TypeAlias = Callable[..., Any]

logger = get_logger("mattermost_plugin.servehttp")


class HookApplication:
    """A ServeHTTP handler as an ASGI application; WebSockets are refused.

    Args:
        handler: the bound method.
        stream: an async handler starts at once and reads the body itself.
    """

    def __init__(self, handler: HTTPHandler, *, stream: bool) -> None:
        self._handler = handler
        self._stream = stream
        self._is_async = inspect.iscoroutinefunction(handler)
        self._threads = concurrent.futures.ThreadPoolExecutor(SYNC_THREADS, "ServeHTTP")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        try:
            if self._is_async:
                await self._run_async(scope, receive, send)
            else:
                await self._run_in_thread(scope, receive, send)
        except BodyTooLarge as error:
            logger.warning("ServeHTTP %s %s: %s", scope["method"], scope["path"], error)
            await _refuse(send)

    def close(self) -> None:
        """Take no handler's work any more; those that run in threads are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run_async(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = request_head(scope)
        pieces = body_pieces(receive)
        request: HTTPRequest | StreamingHTTPRequest
        if self._stream:
            request = StreamingHTTPRequest(pieces=pieces, **head)
        else:
            request = HTTPRequest(body=await collected(pieces, head["content_length"]), **head)
        writer = QueueingWriter(send)
        try:
            await self._handler(request.plugin_context, writer, request)
            await writer.wait_sent()
        except Exception:
            with contextlib.suppress(Exception):  # the handler's exception says more
                await writer.wait_sent()
            raise
        finally:
            await writer.close()
        await writer.sender.finish()

    async def _run_in_thread(self, scope: Scope, receive: Receive, send: Send) -> None:
        bridge = ThreadBridge()
        request = HTTPRequest(body=blocking_pieces(body_pieces(receive), bridge), **request_head(scope))
        writer = BlockingWriter(send, bridge)
        run = contextvars.copy_context().run
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(
                self._threads, run, self._handler, request.plugin_context, writer, request
            )
        finally:
            bridge.close()
        if inspect.iscoroutine(result):
            result.close()
            raise TypeError("the ServeHTTP handler is not async and returned a coroutine: its decorator hides it")
        await writer.sender.finish()


async def _refuse(send: Send) -> None:
    text = b"Request Entity Too Large"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text})
