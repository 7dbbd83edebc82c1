"""ServeHTTP by gRPC's own library alone: a plugin that answers as examples/bench does, and a client that calls it.

python bare_servehttp.py serve SOCKET           serves at a unix socket until SIGTERM
python bare_servehttp.py ask SOCKET N SECONDS   calls with N calls at once, and prints how many a second were answered
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from harness.sides import BENCH, JSON
from mattermost_plugin.grpc import hooks_lifecycle_pb2, hooks_pb2_grpc
from mattermost_plugin.grpc.hooks_common_pb2 import PluginContext
from mattermost_plugin.grpc.hooks_http_pb2 import (
    HTTPHeader,
    ServeHTTPRequest,
    ServeHTTPRequestInit,
    ServeHTTPResponse,
    ServeHTTPResponseInit,
)
from mattermost_plugin.handshake import HEALTH_SERVICE
from mattermost_plugin.process import event_loop


class Hooks(hooks_pb2_grpc.PluginHooksServicer):
    """Reads a request to its end, and answers in three messages."""

    async def Implemented(self, request: Any, context: Any) -> hooks_lifecycle_pb2.ImplementedResponse:
        return hooks_lifecycle_pb2.ImplementedResponse(hooks=["ServeHTTP"])

    async def ServeHTTP(
        self, request_iterator: AsyncIterator[ServeHTTPRequest], context: Any
    ) -> AsyncIterator[ServeHTTPResponse]:
        async for request in request_iterator:
            if request.body_complete:
                break
        headers = [
            HTTPHeader(key="Content-Length", values=[str(len(JSON))]),
            HTTPHeader(key="Content-Type", values=["application/json"]),
        ]
        yield ServeHTTPResponse(init=ServeHTTPResponseInit(status_code=200, headers=headers), flush=True)
        yield ServeHTTPResponse(body_chunk=JSON.encode(), flush=True)
        yield ServeHTTPResponse(body_complete=True)


async def serve(path: str) -> None:
    """Serve until told to end."""
    server = grpc.aio.server()
    healthy = health.aio.HealthServicer()
    await healthy.set(HEALTH_SERVICE, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    hooks_pb2_grpc.add_PluginHooksServicer_to_server(Hooks(), server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await server.stop(None)


async def ask(path: str, at_once: int, seconds: float) -> float:
    """Calls a second, each of which was answered whole."""
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        hooks: Any = hooks_pb2_grpc.PluginHooksStub(channel)
        until = time.monotonic() + seconds
        began = time.monotonic()
        counts = await asyncio.gather(*[_ask_until(hooks, until) for _ in range(at_once)])
        return sum(counts) / (time.monotonic() - began)


async def _ask_until(hooks: Any, until: float) -> int:
    count = 0
    while time.monotonic() < until:
        await _ask_once(hooks)
        count += 1
    return count


async def _ask_once(hooks: Any) -> None:
    call = hooks.ServeHTTP()
    try:
        await call.write(ServeHTTPRequest(init=_request()))
        await call.write(ServeHTTPRequest(body_complete=True))
        await call.done_writing()
        answer = [message async for message in call]
    finally:
        call.cancel()
    body = b"".join(message.body_chunk for message in answer)
    if body.decode() != JSON or not answer[-1].body_complete or answer[0].init.status_code != 200:
        raise RuntimeError(f"the plugin answered {answer}")


def _request() -> ServeHTTPRequestInit:
    """What a gateway says of what wrk asks."""
    return ServeHTTPRequestInit(
        plugin_context=PluginContext(request_id="0123456789abcdef0123456789", ip_address="127.0.0.1"),
        method="GET",
        url="/json",
        proto="HTTP/1.1",
        proto_major=1,
        proto_minor=1,
        host="127.0.0.1:8065",
        remote_addr="127.0.0.1:54321",
        request_uri=f"{BENCH}/json",
    )


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        event_loop.run(serve(sys.argv[2]))
    else:
        print(event_loop.run(ask(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
