"""Requests and responses over whole tunnels."""

from __future__ import annotations

import asyncio

import pytest

from mattermost_plugin.exchange import Body, End, Exchange, Informational, Request, Response
from mattermost_plugin.tunnel.connection import MESSAGE_SIZE
from mattermost_plugin.tunnel.windows import FIRST_WINDOW
from support.tunnel_servers import MIB, echo, send_request, wait_idle
from support.tunnels import POST, Connect, body_of, collect, read_body

pytestmark = pytest.mark.anyio


async def test_a_request_and_its_response_are_whole_at_the_other_side(connect: Connect) -> None:
    seen: list[object] = []

    async def serve(exchange: Exchange) -> None:
        seen.append(exchange.request)
        seen.append(await read_body(exchange))
        await exchange.send(Informational(103, [(b"link", b"</a>")]))
        await exchange.send(Response(201, [(b"a", b"1"), (b"a", b"2")], trailers=True))
        await exchange.send(Body(b"answer"))
        await exchange.send(End([(b"checksum", b"3")]))

    request = Request(
        "PUT",
        b"/root/a%20b?c=d",
        root_length=5,
        headers=[(b"x", b"\xff"), (b"x", b"")],
        scheme="https",
        http_version="2",
        client=("192.0.2.1", 1234),
        server=("/run/gateway.sock", 0),
        trailers=True,
        early_hints=True,
    )
    async with connect(serve) as ends:
        exchange = ends.gateway.open(request)
        await send_request(exchange, b"question")
        assert await collect(exchange) == [
            Informational(103, [(b"link", b"</a>")]),
            Response(201, [(b"a", b"1"), (b"a", b"2")], trailers=True),
            Body(b"answer"),
            End([(b"checksum", b"3")]),
        ]
        assert seen == [request, b"question"]
        await wait_idle(lambda: ends.gateway.in_flight + ends.plugin.in_flight)


@pytest.mark.parametrize("size", [1, FIRST_WINDOW - 64, FIRST_WINDOW, 3 * MIB + 1])
async def test_a_body_of_any_size_comes_back_as_it_was(connect: Connect, size: int) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        async with asyncio.TaskGroup() as group:
            group.create_task(send_request(exchange, body[:size]))
            answer = group.create_task(read_body(exchange))
        assert answer.result() == body[:size]


async def test_a_body_sent_as_one_part_is_cut_up(connect: Connect) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(exchange.send(Body(bytes(5 * MIB))))
            sending.add_done_callback(lambda _: group.create_task(exchange.send(End())))
            answer = group.create_task(collect(exchange))
        parts = answer.result()
        assert len(body_of(parts)) == 5 * MIB
        assert max(len(part.data) for part in parts if isinstance(part, Body)) <= MESSAGE_SIZE


async def test_chunk_k_of_an_echo_arrives_before_chunk_k_plus_1_is_sent(connect: Connect) -> None:
    async with connect(echo) as ends:
        exchange = ends.gateway.open(POST)
        assert isinstance(await exchange.receive(), Response)
        for number in range(50):
            await exchange.send(Body(b"%d" % number))
            assert await exchange.receive() == Body(b"%d" % number)
        await exchange.send(End())
        assert await exchange.receive() == End()


async def test_many_exchanges_at_once_do_not_mix(connect: Connect) -> None:
    async def fetch(number: int) -> None:
        exchange = ends.gateway.open(POST)
        async with asyncio.TaskGroup() as group:
            group.create_task(send_request(exchange, bytes([number]) * 30_000))
            answer = group.create_task(read_body(exchange))
        assert answer.result() == bytes([number]) * 30_000

    async with connect(echo) as ends, asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(fetch(number))
