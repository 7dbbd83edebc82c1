"""One end of a tunnel against a peer that the test speaks for, message by message."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from mattermost_plugin.exchange import Close, End, Exchange, Message, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.grpc import tunnel_pb2 as pb
from mattermost_plugin.serve_http.streams import CallStream
from mattermost_plugin.tunnel import rpc
from mattermost_plugin.tunnel.driver import Tunnel
from mattermost_plugin.tunnel.errors import LocalProtocolError, RemoteProtocolError, TunnelClosed
from mattermost_plugin.tunnel.message_stream import CallMessageStream
from mattermost_plugin.tunnel.servicer import TunnelServicer
from mattermost_plugin.tunnel.settings import MAX_WEBSOCKET_MESSAGE
from mattermost_plugin.tunnel.states import Half
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE
from support.tunnels import (
    GET,
    IMPATIENT,
    WEBSOCKET,
    MemoryStream,
    collect,
    grpc_server,
    hello,
    memory_streams,
    no_task_left,
)

pytestmark = pytest.mark.anyio


def frames(*frames: pb.Frame) -> pb.Message:
    return pb.Message(frames=frames)


async def answer(exchange: Exchange) -> None:
    await exchange.send(Response(204))
    await exchange.send(End())
    exchange.reset(ResetCode.NO_ERROR)


# A real server, and raw messages


@asynccontextmanager
async def raw_call(serve: Callable[[Exchange], Awaitable[None]] = answer) -> AsyncIterator[Any]:
    """A call to a plugin's tunnel servicer that takes and gives bytes."""
    async with (
        no_task_left(),
        grpc_server(TunnelServicer(serve, IMPATIENT)) as (_, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        call: Any = channel.stream_stream(rpc.CONNECT)()
        yield call
        call.cancel()


async def talk(call: Any, messages: Sequence[pb.Message | bytes]) -> tuple[grpc.StatusCode, str]:
    """Write the messages; returns how the plugin ended the call."""
    for message in messages:
        await call.write(message if isinstance(message, bytes) else message.SerializeToString())
    with contextlib.suppress(grpc.aio.AioRpcError):
        async for _ in call:
            pass
    return await call.code(), await call.details()


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([frames()], "the first message has no hello"),
        ([frames(pb.Frame(exchange=1, request=pb.Request(method="GET")))], "the first message has no hello"),
        ([hello(), hello()], "a second hello"),
        ([hello(window=100)], "a window of 100 bytes"),
        ([hello(window=2**31)], "a window of 2147483648 bytes"),
        ([hello(), frames(pb.Frame(exchange=5, end=True))], "End for exchange 5, which was never opened"),
        ([hello(), frames(pb.Frame(body=b"x"))], "Body on exchange 0"),
        ([hello(), *[frames(pb.Frame(exchange=1, request=pb.Request(method="GET")))] * 2], "opened before"),
    ],
)
async def test_a_violation_of_the_stream_ends_it_with_invalid_argument_and_says_why(
    messages: list[pb.Message], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with raw_call() as call:
        code, details = await talk(call, messages)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert text in details
    assert text in caplog.text


@pytest.mark.parametrize("versions", [(2, 3), (0, 0)])
async def test_a_plugin_that_knows_none_of_the_versions_says_so(versions: tuple[int, int]) -> None:
    async with raw_call() as call:
        code, details = await talk(call, [hello(min_version=versions[0], max_version=versions[1])])
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert f"the peer {versions[0]} to {versions[1]}" in details


async def test_a_message_that_does_not_parse_ends_the_stream() -> None:
    async with raw_call() as call:
        code, details = await talk(call, [hello(), b"\xff\xff\xff"])
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "no message" in details


async def test_a_later_gateway_gets_the_version_that_both_know() -> None:
    async with raw_call() as call:
        await call.write(hello(min_version=1, max_version=7).SerializeToString())
        greeting = pb.Message.FromString(await call.read())
        assert (greeting.hello.min_version, greeting.hello.max_version) == (1, 1)
        assert greeting.hello.window >= 4096
        assert greeting.hello.max_exchanges > 0
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK


async def test_one_servicer_serves_several_gateways_and_drains_them_all() -> None:
    servicer = TunnelServicer(answer, IMPATIENT)
    async with no_task_left(), grpc_server(servicer) as (_, address), grpc.aio.insecure_channel(address) as channel:
        calls: list[Any] = [channel.stream_stream(rpc.CONNECT)() for _ in range(3)]
        gateways = [Tunnel(Half.GATEWAY, CallMessageStream(CallStream(call)), settings=IMPATIENT) for call in calls]
        runs = [asyncio.create_task(gateway.run()) for gateway in gateways]
        for gateway in gateways[:2]:
            await gateway.greeted()
            exchange = gateway.open(GET)
            await exchange.send(End())
            assert await collect(exchange) == [Response(204, []), End()]
        servicer.drain()
        await servicer.wait_idle()
        await gateways[2].greeted()
        for gateway in gateways:
            while gateway.accepting:
                await asyncio.sleep(0.001)
        for call in calls:
            await call.done_writing()
        await asyncio.gather(*runs)


async def test_a_server_without_a_tunnel_is_told_apart() -> None:
    async with no_task_left():
        server = grpc.aio.server()
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call: Any = channel.stream_stream(rpc.CONNECT)()
            gateway = Tunnel(Half.GATEWAY, CallMessageStream(CallStream(call)), settings=IMPATIENT)
            run = asyncio.create_task(gateway.run())
            with pytest.raises(TunnelClosed, match="before the peer's hello"):
                await gateway.greeted()
            with pytest.raises(grpc.aio.AioRpcError):
                await run
        await server.stop(0)


# One end in memory


@asynccontextmanager
async def peer_of(
    half: Half, serve: Callable[[Exchange], Awaitable[None]] | None = None, greet: bool = True
) -> AsyncIterator[tuple[Tunnel, MemoryStream, asyncio.Task[None]]]:
    """The end under test, the other end of its stream in the test's hands, and its `run`."""
    async with no_task_left():
        theirs, ours = memory_streams(depth=1000)
        tunnel = Tunnel(half, CallMessageStream(theirs), serve=serve, settings=IMPATIENT)
        run = asyncio.create_task(tunnel.run())
        if greet:
            await ours.write(hello().SerializeToString())
            await tunnel.greeted()
        yield tunnel, ours, run
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


async def next_frame(stream: MemoryStream) -> pb.Frame:
    """The next frame that the end under test wrote."""
    while data := await stream.read():
        message = pb.Message.FromString(data)
        if message.frames:
            return message.frames[0]
    raise AssertionError("the stream ended")


@pytest.mark.parametrize(
    "message",
    [
        frames(),
        hello(min_version=2, max_version=2),
        hello(window=5),
        pb.Message(hello=hello().hello, frames=[pb.Frame(exchange=1, request=pb.Request(method="GET"))]),
        pb.Message(hello=hello().hello, frames=[pb.Frame(exchange=1, response=pb.Response(status=200))]),
    ],
)
async def test_a_gateway_does_not_live_with_a_plugin_that_breaks_the_protocol(message: pb.Message) -> None:
    async with peer_of(Half.GATEWAY, greet=False) as (tunnel, plugin, run):
        await plugin.write(message.SerializeToString())
        with pytest.raises(RemoteProtocolError):
            await run
        with pytest.raises(TunnelClosed):
            tunnel.open(GET)


async def test_a_gateway_opens_nothing_before_the_plugins_hello() -> None:
    async with peer_of(Half.GATEWAY, greet=False) as (tunnel, _, _run):
        assert not tunnel.accepting
        with pytest.raises(LocalProtocolError):
            tunnel.open(GET)


async def test_a_stream_that_ends_before_the_hello_is_an_error() -> None:
    async with peer_of(Half.GATEWAY, greet=False) as (tunnel, plugin, run):
        await plugin.hang_up()
        with pytest.raises(RemoteProtocolError, match="before the hello"):
            await run
        with pytest.raises(TunnelClosed):
            await tunnel.greeted()


async def test_a_violation_resets_its_exchange_and_tells_both_sides() -> None:
    async with peer_of(Half.GATEWAY) as (tunnel, plugin, _):
        exchange = tunnel.open(GET)
        await plugin.write(frames(pb.Frame(exchange=1, accept=pb.Accept())).SerializeToString())
        with pytest.raises(ExchangeReset, match="Accept from the plugin in state head") as caught:
            await exchange.receive()
        assert caught.value.code is ResetCode.PROTOCOL
        assert (await next_frame(plugin)).HasField("request")
        frame = await next_frame(plugin)
        assert frame.reset.code == pb.RESET_CODE_PROTOCOL
        assert frame.reset.reason == "Accept from the plugin in state head"


async def test_tiny_pieces_are_paid_back_and_cost_only_their_bytes() -> None:
    """A peer gets its credit back for every piece, so that nothing else bounds how many there are."""
    async with peer_of(Half.GATEWAY) as (tunnel, plugin, _):
        exchange = tunnel.open(WEBSOCKET)
        await plugin.write(frames(pb.Frame(exchange=1, accept=pb.Accept())).SerializeToString())
        await exchange.receive()
        tiny = frames(*[pb.Frame(exchange=1, message=pb.WebSocketMessage(data=b"ab", more=True))] * 500)
        tracemalloc.start()
        try:
            for _ in range(100):
                await plugin.write(tiny.SerializeToString())
                while plugin.unread:
                    await asyncio.sleep(0)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 500_000
        await plugin.write(frames(pb.Frame(exchange=1, message=pb.WebSocketMessage(data=b"end"))).SerializeToString())
        assert await exchange.receive() == Message(b"ab" * 50_000 + b"end")


async def test_a_message_of_many_pieces_beyond_the_limit_is_cut_off_early() -> None:
    async with peer_of(Half.GATEWAY) as (tunnel, plugin, _):
        exchange = tunnel.open(WEBSOCKET)
        await plugin.write(frames(pb.Frame(exchange=1, accept=pb.Accept())).SerializeToString())
        await exchange.receive()
        piece = pb.Frame(exchange=1, message=pb.WebSocketMessage(data=bytes(60_000), more=True))
        written = 0
        while tunnel.in_flight:
            await plugin.write(frames(piece).SerializeToString())
            written += 60_000
            await asyncio.sleep(0)
            assert written < MAX_WEBSOCKET_MESSAGE + 2_000_000
        with pytest.raises(ExchangeReset) as caught:
            await exchange.receive()
        assert caught.value.code is ResetCode.LIMIT


async def test_a_reset_wakes_a_sender_even_while_the_stream_is_stuck() -> None:
    async with peer_of(Half.GATEWAY) as (tunnel, plugin, _):
        exchange = tunnel.open(WEBSOCKET)
        await plugin.write(frames(pb.Frame(exchange=1, accept=pb.Accept())).SerializeToString())
        await exchange.receive()
        sending = [asyncio.create_task(exchange.send(Message(bytes(1_000_000)))) for _ in range(3)]
        await asyncio.sleep(0)
        exchange.reset(ResetCode.TIMEOUT, "too slow")
        results = await asyncio.gather(*sending, return_exceptions=True)
        assert [str(result) for result in results] == ["timeout: too slow"] * 3


async def test_an_end_does_not_wait_behind_data() -> None:
    """A WebSocket's close is sent from the reading task, while another task waits in `send`."""
    async with peer_of(Half.GATEWAY) as (tunnel, plugin, _):
        exchange = tunnel.open(WEBSOCKET)
        await plugin.write(frames(pb.Frame(exchange=1, accept=pb.Accept())).SerializeToString())
        await exchange.receive()
        sending = asyncio.create_task(exchange.send(Message(bytes(1_000_000))))
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            await exchange.send(Close())
        assert not sending.done()
        exchange.reset(ResetCode.CANCELLED)
        with pytest.raises(ExchangeReset):
            await sending


async def test_a_tunnel_that_cannot_write_ends_instead_of_hanging() -> None:
    async with peer_of(Half.GATEWAY) as (tunnel, _, run):
        exchange = tunnel.open(WEBSOCKET)
        await exchange.send(Close(-1))  # no number that protobuf can hold
        with pytest.raises(ValueError, match=r"-1|range"):
            await run
        with pytest.raises(ExchangeReset):
            await exchange.receive()


async def test_nothing_is_logged_above_debug_in_ordinary_life(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with peer_of(Half.PLUGIN, answer) as (_, gateway, _run):
            request = pb.Request(method="POST", target=b"/")
            await gateway.write(frames(pb.Frame(exchange=1, request=request, body=b"x", end=True)).SerializeToString())
            frame = await next_frame(gateway)
            assert frame.response.status == 204
            assert frame.end
            await gateway.hang_up()
    assert caplog.records == []
