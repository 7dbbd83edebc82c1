"""The two ways of a unary call between our own ends: one stream of calls, and gRPC's library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from mattermost_plugin.calls.client import CallClient, open_stream
from mattermost_plugin.grpc import hooks_pb2_grpc
from mattermost_plugin.handshake import calls_socket
from mattermost_plugin.servicers.direct_hooks import SERVICE
from support.api_host import response_of

WAYS = ("direct", "grpc")


def by(way: str, target: str) -> str:
    """The target by which a client takes this way; for gRPC another name of the socket, with nothing beside it."""
    if way == "direct":
        return target
    path = Path(target.removeprefix("unix:"))
    other = path.with_name(f"by-{path.name}")
    if not other.is_symlink():
        other.symlink_to(path)
    return f"unix:{other}"


@asynccontextmanager
async def calling(target: str) -> AsyncIterator[CallClient]:
    """A client of the calls beside a socket."""
    path = calls_socket(target)
    assert path is not None
    client = CallClient(await open_stream(path), -1)
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
