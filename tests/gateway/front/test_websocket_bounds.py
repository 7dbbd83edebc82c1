"""What WebSockets may hold: messages that never end, and answers that nobody reads."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import pytest

from mattermost_plugin.types import Receive, Scope, Send
from support.front_server import Client, Running, eventually, serving

pytestmark = pytest.mark.anyio

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
COMPRESSING = b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"
TEXT, CONTINUATION, PING = 1, 0, 9
FINAL, COMPRESSED = 0x80, 0x40


def frame(opcode: int, data: bytes = b"", flags: int = 0) -> bytes:
    """A client's frame; its mask is zero."""
    size = len(data)
    length = bytes((0x80 | size,)) if size < 126 else b"\xff" + size.to_bytes(8, "big")
    return bytes((flags | opcode,)) + length + bytes(4) + data


def compressed(size: int) -> bytes:
    """So many bytes in very few."""
    worker = zlib.compressobj(9, zlib.DEFLATED, -12)
    return (worker.compress(b"a" * size) + worker.flush(zlib.Z_SYNC_FLUSH))[:-4]


async def waits(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts, and takes nothing until the end."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        await asyncio.Event().wait()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": str(len(event["text"]))})


async def opened(server: Running, headers: bytes = b"") -> Client:
    client = await server.connect()
    client.send(HANDSHAKE + headers + b"\r\n")
    assert b"101" in await client.until(b"\r\n\r\n")
    return client


async def close_code(client: Client) -> int:
    """With what the server closes."""
    while (await client.exactly(1))[0] & 0x0F != 8:
        await client.exactly((await client.exactly(1))[0])
    size = (await client.exactly(1))[0]
    return int.from_bytes((await client.exactly(size))[:2], "big")


@pytest.mark.parametrize("parser", ["httptools", "h11"])
@pytest.mark.parametrize(
    "message",
    [frame(TEXT, b"x" * 70_000), frame(TEXT, compressed(70_000), COMPRESSED)],
    ids=["plain", "compressed"],
)
async def test_a_message_that_never_ends_has_no_more_than_its_share(message: bytes, parser: str) -> None:
    async with serving(echo, parser, websocket_held=100_000, websocket_held_client=60_000) as server:
        client = await opened(server, COMPRESSING)
        client.send(message)
        assert await close_code(client) == 1013


@pytest.mark.parametrize("held", [{"websocket_held": 100_000}, {"websocket_held_client": 100_000}], ids=["all", "one"])
async def test_many_share_what_there_is_and_give_it_back(held: dict[str, Any]) -> None:
    async with serving(echo, "httptools", **held) as server:
        first, second = [await opened(server) for _ in range(2)]
        first.send(frame(TEXT, b"x" * 60_000) + frame(PING, b"", FINAL))
        await first.exactly(2)  # the pong: what came before it was read
        second.send(frame(TEXT, b"x" * 60_000))
        assert await close_code(second) == 1013
        first.send(frame(CONTINUATION, b"y", FINAL))
        assert b"60001" in await first.until(b"60001")
        third = await opened(server)
        third.send(frame(TEXT, b"x" * 90_000, FINAL))
        assert b"90000" in await third.until(b"90000")


async def test_whole_messages_that_nobody_takes_count_as_well() -> None:
    async with serving(waits, "httptools", websocket_held=100_000) as server:
        client = await opened(server, COMPRESSING)
        client.send(frame(TEXT, compressed(40_000), FINAL | COMPRESSED) * 4)  # one read brings all of them
        assert await close_code(client) == 1013


@pytest.mark.parametrize("parser", ["httptools", "h11"])
async def test_pings_of_a_client_that_does_not_read_are_not_answered_without_end(parser: str) -> None:
    async with serving(waits, parser) as server:
        client = await opened(server)
        (transport,) = server.connections
        client.send(frame(PING, b"p" * 125, FINAL) * 200_000)
        await eventually(lambda: not transport.is_reading())
        assert transport.get_write_buffer_size() < 2_000_000
        while client.writer.transport.get_write_buffer_size():
            await client.exactly(127)  # once it reads, it is read again
