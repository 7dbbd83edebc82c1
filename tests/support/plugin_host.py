"""A host of the contract alone: a plugin on a server in this process, called as any foreign host would call it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mattermost_plugin import Plugin
from mattermost_plugin.grpc import hooks_pb2_grpc
from mattermost_plugin.grpc.hooks_http_pb2 import HTTPHeader, ServeHTTPRequest, ServeHTTPRequestInit, ServeHTTPResponse
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.server import PluginServer
from support.call_ways import DirectHooks, calling
from support.patience import PATIENCE

TIMEOUT = PATIENCE
PIECE = 64 * 1024


@dataclass
class Answer:
    """A whole response."""

    status: int
    headers: dict[str, list[str]]
    body: bytes


@dataclass
class Call:
    """One ServeHTTP call."""

    rpc: Any
    inits: list[Any] = field(default_factory=list)

    async def send(self, chunk: bytes = b"", *, complete: bool = False) -> None:
        await self.rpc.write(ServeHTTPRequest(body_chunk=chunk, body_complete=complete))

    async def next_message(self) -> ServeHTTPResponse | None:
        message = await self.rpc.read()
        return message if isinstance(message, ServeHTTPResponse) else None

    async def next_chunk(self) -> bytes:
        """The next piece of the body."""
        while True:
            message = await self.next_message()
            assert message is not None, "the plugin ended the call"
            if message.HasField("init"):
                self.inits.append(message.init)
            if message.body_chunk:
                return message.body_chunk

    async def answer(self) -> Answer:
        messages = []
        while (message := await self.next_message()) is not None:
            messages.append(message)
        assert messages[0].HasField("init")
        assert messages[-1].body_complete
        init = messages[0].init
        headers = {header.key: list(header.values) for header in init.headers}
        return Answer(init.status_code, headers, b"".join(message.body_chunk for message in messages))


class Host:
    """Calls a plugin through a channel."""

    def __init__(self, channel: grpc.aio.Channel, hooks: Any = None) -> None:
        self.channel = channel
        self.hooks = hooks or hooks_pb2_grpc.PluginHooksStub(channel)

    async def health(self, service: str) -> int:
        stub: Any = health_pb2_grpc.HealthStub(self.channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        return int(answer.status)

    async def health_changes(self, service: str) -> AsyncGenerator[int, None]:
        """The health, and each change of it."""
        stub: Any = health_pb2_grpc.HealthStub(self.channel)
        call = stub.Watch(health_pb2.HealthCheckRequest(service=service))
        try:
            async for answer in call:
                yield answer.status
        finally:
            call.cancel()

    async def begin(
        self,
        method: str = "GET",
        url: str = "/",
        headers: Sequence[tuple[str, str]] = (),
        *,
        body: bytes = b"",
        complete: bool = False,
        **init: Any,
    ) -> Call:
        """Send a request's head, and with it a first piece of the body, perhaps the only one."""
        call = Call(self.hooks.ServeHTTP())
        encoded = [HTTPHeader(key=key, values=[value]) for key, value in headers]
        head: dict[str, Any] = {"request_uri": url, "proto_major": 1, "proto_minor": 1} | init
        opening = ServeHTTPRequestInit(method=method, url=url, headers=encoded, **head)
        await call.rpc.write(ServeHTTPRequest(init=opening, body_chunk=body, body_complete=complete))
        return call

    async def request(self, method: str = "GET", url: str = "/", body: bytes = b"", **options: Any) -> Answer:
        """A whole request and its whole response.

        What fits goes in one message: a write after the plugin has answered would make grpc.aio forget the answer.
        """
        pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)] or [b""]
        options |= {"content_length": len(body), "complete": len(pieces) == 1}
        call = await self.begin(method, url, body=pieces[0], **options)
        for number, piece in enumerate(pieces[1:], 2):
            await call.send(piece, complete=number == len(pieces))
        return await call.answer()


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is true that nobody announces."""
    async with asyncio.timeout(TIMEOUT):
        for pause in itertools.repeat(0.01):
            if condition():
                return
            await asyncio.sleep(pause)


@asynccontextmanager
async def serving(plugin: Plugin, **options: Any) -> AsyncIterator[tuple[PluginServer, Host]]:
    """The plugin's server, started, and a host that is connected to it."""
    server = PluginServer(plugin, **options)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address.target) as channel:
            yield server, Host(channel)
    finally:
        await server.stop(0.2)


_serving = serving


@asynccontextmanager
async def serving_directly(plugin: Plugin, **options: Any) -> AsyncIterator[tuple[PluginServer, Host]]:
    """The same, at a unix socket, and a host that calls hooks without gRPC's library."""
    with TemporaryDirectory() as folder:
        options = {"address": Handshake("unix", f"{folder}/s")} | options
        async with _serving(plugin, **options) as (server, host), calling(server.address.target) as client:
            yield server, Host(host.channel, DirectHooks(client, host.channel))
