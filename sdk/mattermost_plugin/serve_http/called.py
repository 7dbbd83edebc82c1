"""The gateway's end of ServeHTTP: one call of a plugin for each request."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import grpc

from mattermost_plugin.exchange import Body, End, Informational, Part, Request, Reset, ResetCode
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.grpc import hooks_http_pb2
from mattermost_plugin.serve_http.heads import decode_response, encode_request
from mattermost_plugin.serve_http.pieces import pieces
from mattermost_plugin.serve_http.streams import CallStream


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
                for piece in pieces(part.data):
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


def _describe(error: grpc.RpcError) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error)
