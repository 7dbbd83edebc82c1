"""A server of ours with methods that tests call, and clients of gRPC's library."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from mattermost_plugin.calls.outcomes import CallContext
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.listening.grpc_connection import Method
from mattermost_plugin.listening.server import Server
from mattermost_plugin.listening.streaming import MessageFlow, streaming
from mattermost_plugin.listening.unary import unary
from mattermost_plugin.statuses import CallFailed, Status
from support.direct_calls import listener

PIECE = bytes(64 * 1024)


class Methods:
    """What the tests call."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.go_on = asyncio.Event()
        self.left: float | None = None
        self.written = 0
        self.read = 0

    def by_path(self, largest: int = -1) -> dict[str, Method]:
        answers = (self.echo, self.wait, self.fail, self.refuse, self.bug)
        flows = (self.talk, self.flood, self.hold)
        return {f"/{answer.__name__}": unary(answer, largest) for answer in answers} | {
            f"/{flow.__name__}": streaming(flow) for flow in flows
        }

    async def echo(self, body: bytes, context: CallContext) -> bytes:
        self.left = context.time_remaining()
        return body

    async def wait(self, body: bytes, context: CallContext) -> bytes:
        self.begun.set()
        try:
            await self.go_on.wait()
        finally:
            self.ended.set()
        return body

    async def fail(self, body: bytes, context: CallContext) -> bytes:
        raise ValueError("a bug")

    async def refuse(self, body: bytes, context: CallContext) -> bytes:
        raise CallFailed(Status.NOT_FOUND, "naïve: 100 %")

    async def bug(self, body: bytes, context: CallContext) -> bytes:
        raise asyncio.CancelledError  # as of something else that it waited for

    async def talk(self, flow: MessageFlow) -> None:
        while (message := await flow.read()) is not None:
            await flow.write(message)

    async def flood(self, flow: MessageFlow) -> None:
        """Writes without end."""
        try:
            while True:
                await flow.write(PIECE)
                self.written += 1
        finally:
            self.ended.set()

    async def hold(self, flow: MessageFlow) -> None:
        """Reads nothing until it is told to."""
        self.begun.set()
        await self.go_on.wait()
        while await flow.read() is not None:
            self.read += 1


@asynccontextmanager
async def serving(
    methods: Methods, path: Path, limits: Limits | None = None, largest: int = -1
) -> AsyncIterator[Server]:
    """They are served at a socket."""
    server = Server(methods.by_path(largest), {}, limits)
    server.listen([listener(path)])
    try:
        yield server
    finally:
        await server.stop(0)
        await server.close()


@asynccontextmanager
async def calling(path: Path) -> AsyncIterator[grpc.aio.Channel]:
    """A client of gRPC's library."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"unix:{path}", options=options) as channel:
        yield channel


async def ask(channel: grpc.aio.Channel, method: str, body: bytes = b"", timeout: float | None = 10) -> bytes:
    """A unary call."""
    call: Any = channel.unary_unary(f"/{method}")
    answer: bytes = await call(body, timeout=timeout)
    return answer


async def failure(call: Any) -> tuple[str, str]:
    """How a call fails."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        await call
        raise AssertionError("it did not fail")
    return await _status(call)


async def _status(call: Any) -> tuple[str, str]:
    return (await call.code()).name, await call.details() or ""
