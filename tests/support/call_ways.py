"""The two ways of a unary call between our own ends: one stream of calls, and gRPC's library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest import mock

import grpc
from google.protobuf.message import Message

from mattermost_plugin.calls.client import CallClient, open_stream
from mattermost_plugin.grpc import hooks_pb2, hooks_pb2_grpc
from support.api_host import response_of

SERVICE = hooks_pb2.DESCRIPTOR.services_by_name["PluginHooks"]
WAYS = ("direct", "grpc")
NOBODYS = "/nobodys.Calls/Connect"


@contextmanager
def going(way: str) -> Iterator[None]:
    """Clients of this process take this way: for gRPC, streams of calls are known to nobody."""
    with ExitStack() as stack:
        if way == "grpc":
            for module in ("mattermost_plugin.calls.client", "servehttp.plugins.link"):
                stack.enter_context(mock.patch(f"{module}.CONNECT", NOBODYS))
        yield


@asynccontextmanager
async def calling(target: str) -> AsyncIterator[CallClient]:
    """A client of the calls at an address."""
    client = CallClient(await open_stream(target), -1)
    try:
        yield client
    finally:
        await client.close()


class DirectHooks:
    """Looks like the stub of the hooks; what is no unary rpc goes by the stub."""

    def __init__(self, client: CallClient, channel: grpc.aio.Channel) -> None:
        self._client = client
        self._stub = hooks_pb2_grpc.PluginHooksStub(channel)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        rpc = SERVICE.methods_by_name[name]
        if rpc.client_streaming:
            call: Callable[..., Any] = getattr(self._stub, name)
            return call
        return lambda request, timeout=None: asyncio.ensure_future(self._call(name, request, timeout))

    async def _call(self, name: str, request: Message, timeout: float | None) -> Message:
        method, asked = f"/{SERVICE.full_name}/{name}", request.SerializeToString()
        if not self._client.takes(method, asked):
            response: Message = await getattr(self._stub, name)(request, timeout=timeout)
            return response
        body = await self._client.call(method, asked, timeout)
        return response_of(SERVICE.methods_by_name[name]).FromString(body)
