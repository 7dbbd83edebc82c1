"""The one address of a plugin: the tunnel has a connection for itself there, and gRPC's library another."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from mattermost_plugin import Plugin
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.tunnel import rpc
from mattermost_plugin.tunnel.direct import connect
from support.direct_calls import Heard
from support.patience import PATIENCE
from support.plugin_host import serving
from support.tunnels import hello

pytestmark = pytest.mark.anyio


async def test_the_tunnel_is_taken_at_the_plugins_socket_which_is_gone_after_the_stop(tmp_path: Path) -> None:
    address = Handshake("unix", str(tmp_path / "s"))
    async with serving(Plugin(), address=address) as (server, _):
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == stat.S_IRWXU
        stream = await connect(address.target, rpc.CONNECT)
        stream.send(hello().SerializeToString())
        running = asyncio.create_task(stream.run(Heard()))
        await server.stop(0)
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait((running,))
        assert running.exception() is None
        await stream.close(1)
    assert os.listdir(tmp_path) == []


async def test_the_tunnel_is_taken_at_the_plugins_port() -> None:
    async with serving(Plugin()) as (server, _):
        stream, heard = await connect(server.address.target, rpc.CONNECT), Heard()
        running = asyncio.create_task(stream.run(heard))
        stream.send(hello().SerializeToString())
        async with asyncio.timeout(PATIENCE):
            await heard.messages.get()
            stream.done_writing()
            await running
        await stream.close(1)


async def test_a_tunnel_may_share_its_connection_with_other_calls() -> None:
    async with serving(Plugin()) as (server, host), grpc.aio.insecure_channel(server.address.target) as channel:
        assert await host.health("plugin") == 1
        call: Any = channel.stream_stream(rpc.CONNECT)()
        await call.write(hello().SerializeToString())
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await call.read(), bytes)
            await call.done_writing()
            assert await call.code() is grpc.StatusCode.OK


async def test_what_breaks_the_tunnels_protocol_there_is_told_in_the_status() -> None:
    async with serving(Plugin()) as (server, _), grpc.aio.insecure_channel(server.address.target) as channel:
        call: Any = channel.stream_stream(rpc.CONNECT)()
        await call.write(hello(min_version=2, max_version=3).SerializeToString())
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for _ in call:
                    pass
            assert await call.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert "version" in await call.details()
