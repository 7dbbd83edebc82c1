"""Whether the gateway calls directly, by gRPC, or the contract's own way."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Body, End, Exchange, ResetCode, Response
from mattermost_plugin.grpc import hooks_pb2_grpc
from mattermost_plugin.handshake import tunnel_socket
from mattermost_plugin.http2.statuses import UNIMPLEMENTED
from mattermost_plugin.serve_http.served import StreamServer
from mattermost_plugin.tunnel import rpc
from mattermost_plugin.tunnel.direct import DirectMessageStream, DirectServer
from mattermost_plugin.tunnel.servicer import TunnelServicer
from servehttp.errors import LinkError, NoTunnelError
from servehttp.plugins.link import Link
from support.direct_calls import Handle, Heard, listener, until_it_ends
from support.fronts import Hooks
from support.patience import PATIENCE
from support.tunnels import GET, IMPATIENT, hello, no_task_left, read_body

pytestmark = pytest.mark.anyio


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"by gRPC"})


@asynccontextmanager
async def plugin_at(path: Path, *, tunnel: bool = True) -> AsyncIterator[str]:
    """A plugin that serves all at its address; the target."""
    adapter = ASGIAdapter(application)
    streams = StreamServer(adapter.serve)
    server = grpc.aio.server()
    if tunnel:
        TunnelServicer(adapter.serve).add_to_server(server)
    hooks_pb2_grpc.add_PluginHooksServicer_to_server(Hooks(streams), server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        yield f"unix:{path}"
    finally:
        await server.stop(None)
        await streams.close()


@asynccontextmanager
async def beside(target: str, handle: Handle) -> AsyncIterator[None]:
    """Something that takes the tunnel's call beside a plugin's address."""
    path = tunnel_socket(target)
    assert path is not None
    server = DirectServer(rpc.CONNECT, handle)
    await server.start(listener(path))
    try:
        yield
    finally:
        await server.close()


async def ask(link: Link) -> bytes:
    exchange = await link.open(GET)
    await exchange.send(End())
    async with asyncio.timeout(PATIENCE):
        return await read_body(exchange)


async def test_the_gateway_calls_directly_where_it_can(tmp_path: Path) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200), Body(b"directly"), End())
        exchange.reset(ResetCode.NO_ERROR)

    servicer = TunnelServicer(serve, IMPATIENT)
    async with no_task_left(), plugin_at(tmp_path / "s") as target:
        path = tunnel_socket(target)
        assert path is not None
        await servicer.listen(listener(path))
        link = await Link.connect(target, timeout=PATIENCE)
        assert link.transport == "tunnel"
        assert await ask(link) == b"directly"
        await servicer.close()
        async with asyncio.timeout(PATIENCE):
            assert await link.wait_lost() == "the plugin closed the tunnel"
        await link.close()


@pytest.mark.parametrize("stale", [False, True])
async def test_the_gateway_calls_by_grpc_where_nobody_listens_beside(tmp_path: Path, stale: bool) -> None:
    async with no_task_left(), plugin_at(tmp_path / "s") as target:
        if stale:
            path = tunnel_socket(target)
            assert path is not None
            listener(path).close()
        link = await Link.connect(target, timeout=PATIENCE)
        assert link.transport == "tunnel"
        assert await ask(link) == b"by gRPC"
        await link.close()


async def test_the_gateway_uses_the_contracts_own_way_where_the_tunnel_is_unknown_beside(tmp_path: Path) -> None:
    async def refuse(stream: DirectMessageStream) -> None:
        await stream.finish(UNIMPLEMENTED, "", 1)

    async with no_task_left(), plugin_at(tmp_path / "s", tunnel=False) as target, beside(target, refuse):
        link = await Link.connect(target, timeout=PATIENCE)
        assert link.transport == "servehttp"
        assert await ask(link) == b"by gRPC"
        await link.close()
        with pytest.raises(NoTunnelError):
            await Link.connect(target, transport="tunnel", timeout=PATIENCE)


async def test_the_gateway_says_why_there_is_no_tunnel(tmp_path: Path) -> None:
    async def refuse(stream: DirectMessageStream) -> None:
        await stream.finish(grpc.StatusCode.FAILED_PRECONDITION.value[0], "versions 2 to 3 only", 1)

    async with no_task_left(), plugin_at(tmp_path / "s") as target, beside(target, refuse):
        with pytest.raises(LinkError, match="the tunnel broke: versions 2 to 3 only"):
            await Link.connect(target, timeout=PATIENCE)


async def test_the_gateway_does_not_wait_for_a_hello_for_ever(tmp_path: Path) -> None:
    async with no_task_left(), plugin_at(tmp_path / "s") as target, beside(target, until_it_ends):
        with pytest.raises(LinkError, match=r"no tunnel within 0\.1 s"):
            await Link.connect(target, timeout=0.1)


async def test_the_gateway_connects_only_to_processes_of_the_plugins_session(tmp_path: Path) -> None:
    async with no_task_left(), plugin_at(tmp_path / "s") as target:
        link = await Link.connect(target, timeout=PATIENCE, session=os.getsid(0))
        assert await ask(link) == b"by gRPC"
        await link.close()
        with stranger(tmp_path / "other") as other:
            said = f"{tmp_path / 's'} is listened at by process {os.getpid()} of user {os.getuid()}, which is not"
            with pytest.raises(LinkError, match=said):
                await Link.connect(target, timeout=PATIENCE, session=other)


async def test_who_takes_the_place_of_the_socket_beside_a_plugin_is_not_connected_to(tmp_path: Path) -> None:
    async with no_task_left(), plugin_at(tmp_path / "s") as target:
        path = tunnel_socket(target)
        assert path is not None
        with stranger(path) as other, pytest.raises(LinkError, match=f"{path} is listened at by process {other} "):
            await Link.connect(target, timeout=PATIENCE, session=os.getsid(0))


async def test_what_is_attached_may_be_of_any_session(tmp_path: Path) -> None:
    async with no_task_left(), plugin_at(tmp_path / "s") as target:
        await (await Link.connect(target, timeout=PATIENCE)).close()


@contextmanager
def stranger(path: Path) -> Iterator[int]:
    """A process in a session of its own that listens at a socket."""
    code = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print()
connections = []
while True: connections.append(listener.accept())
"""
    command = [sys.executable, "-I", "-S", "-u", "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


async def test_the_gateway_says_how_a_plugin_broke_the_protocol(tmp_path: Path) -> None:
    async def rubbish(stream: DirectMessageStream) -> None:
        stream.send(hello().SerializeToString())
        stream.send(b"\xff\xff\xff")
        await stream.run(Heard())

    async with no_task_left(), plugin_at(tmp_path / "s") as target, beside(target, rubbish):
        link = await Link.connect(target, timeout=PATIENCE)
        async with asyncio.timeout(PATIENCE):
            assert "the plugin broke the tunnel's protocol" in await link.wait_lost()
        await link.close()
