"""The call spoken directly to gRPC's own library, at either end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from mattermost_plugin.exchange import Body, End, Exchange, Response
from mattermost_plugin.http2.statuses import UNIMPLEMENTED
from mattermost_plugin.tunnel import rpc
from mattermost_plugin.tunnel.direct import CallEnded, DirectMessageStream, connect
from mattermost_plugin.tunnel.servicer import TunnelServicer
from support.direct_calls import KIB, MIB, Heard, echo, ended, listening, until_asked
from support.http2 import PATH
from support.patience import PATIENCE
from support.tunnels import (
    GET,
    IMPATIENT,
    Ends,
    collect,
    direct_gateway,
    direct_plugin,
    grpc_gateway,
    grpc_plugin,
    hello,
    read_body,
    socket_tunnel,
)

pytestmark = pytest.mark.anyio

WAYS = {
    "direct": (direct_gateway, direct_plugin),
    "grpc-direct": (grpc_gateway, direct_plugin),
    "direct-grpc": (direct_gateway, grpc_plugin),
}


@pytest.mark.parametrize("way", WAYS)
async def test_either_end_may_be_of_grpcs_own_library(way: str) -> None:
    async def serve(exchange: Exchange) -> None:
        await exchange.send(Response(200))
        while not isinstance(part := await exchange.receive(), End):
            await exchange.send(part)
        await exchange.send(End([(b"checksum", b"1")]))

    async def ask(ends: Ends, size: int) -> None:
        body = bytes(range(251)) * (size // 251 + 1)
        exchange = ends.gateway.open(GET)
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(read_body(exchange))
            for start in range(0, len(body), 100 * KIB):
                await exchange.send(Body(body[start : start + 100 * KIB]))
            await exchange.send(End())
        assert answer.result() == body

    async with socket_tunnel(*WAYS[way])(serve) as ends, asyncio.TaskGroup() as group:
        for size in (0, 1, 70 * KIB, 5 * MIB, 5 * MIB):
            group.create_task(ask(ends, size))


@pytest.mark.parametrize("way", WAYS)
async def test_the_end_in_order_is_ok_at_either_end(way: str) -> None:
    async with socket_tunnel(*WAYS[way])(lambda exchange: exchange.send(Response(204), End())) as ends:
        assert (await collect(ends.gateway.open(GET, End())))[0] == Response(204, [])
        await ends.hang_up()
        assert await ends.ended() == [None]


async def test_a_grpc_client_is_answered_message_by_message(tmp_path: Path) -> None:
    async with listening(echo, tmp_path) as (_, path), grpc.aio.insecure_channel(f"unix:{path}") as channel:
        call: Any = channel.stream_stream(PATH)()
        for size in (0, 1, 20 * KIB, 3 * MIB):
            await call.write(bytes(size))
            assert await call.read() == bytes(size)
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_a_grpc_client_learns_that_nothing_else_is_served(tmp_path: Path) -> None:
    async with listening(echo, tmp_path) as (_, path), grpc.aio.insecure_channel(f"unix:{path}") as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/another.Service/Method")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"x")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == "/another.Service/Method is not served here"


async def test_a_grpc_client_that_cancels_ends_its_call(tmp_path: Path) -> None:
    failures: asyncio.Queue[CallEnded] = asyncio.Queue()

    async def handle(stream: DirectMessageStream) -> None:
        stream.send(b"begun")
        try:
            await stream.run(Heard())
        except CallEnded as error:
            failures.put_nowait(error)

    async with listening(handle, tmp_path) as (_, path), grpc.aio.insecure_channel(f"unix:{path}") as channel:
        call: Any = channel.stream_stream(PATH)()
        assert await call.read() == b"begun"
        call.cancel()
        async with asyncio.timeout(PATIENCE):
            assert (await failures.get()).status == grpc.StatusCode.CANCELLED.value[0]


async def test_a_grpc_server_without_the_method_says_so_to_us(tmp_path: Path) -> None:
    server = grpc.aio.server()
    server.add_insecure_port(f"unix:{tmp_path}/grpc")
    await server.start()
    stream = await connect(tmp_path / "grpc", PATH)
    assert (await ended(stream)).status == UNIMPLEMENTED
    await server.stop(None)


async def test_a_grpc_server_that_stops_ends_our_call(tmp_path: Path) -> None:
    async with grpc_plugin(TunnelServicer(until_asked, IMPATIENT)) as (path, lose):
        stream = await connect(path, rpc.CONNECT)
        heard = Heard()
        running = asyncio.create_task(stream.run(heard))
        stream.send(hello().SerializeToString())
        async with asyncio.timeout(PATIENCE):
            await heard.messages.get()
            await lose()
            with pytest.raises(CallEnded):
                await running
        await stream.close(1)
