"""The tunnel's one rpc as a call of bytes: what is in them is the codec's business."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from mattermost_plugin.grpc import tunnel_pb2

SERVICE = tunnel_pb2.DESCRIPTOR.services_by_name["Tunnel"].full_name
CONNECT = f"/{SERVICE}/Connect"


def connect(channel: grpc.aio.Channel) -> grpc.aio.StreamStreamCall[bytes, bytes]:
    """Open a tunnel to a plugin."""
    return channel.stream_stream(CONNECT)()


def add_to_server(handle: Callable[..., Awaitable[None]], server: grpc.aio.Server) -> None:
    """Have `handle` called, with an iterator that is not used and the context, for each tunnel that is opened."""
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {"Connect": grpc.stream_stream_rpc_method_handler(handle)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
