"""Bodies that arrive whole, and answers before they were read."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mattermost_plugin.types import Receive, Scope, Send
from support.front_server import CHUNKED, HEAD, SECONDS, Recorder, respond, serving

pytestmark = pytest.mark.anyio


# Bodies


@pytest.mark.parametrize("size", [1, 1000, 70_000])
async def test_a_body_in_many_pieces_arrives_whole(parser: str, size: int) -> None:
    pieces = [bytes((number % 251,)) * size for number in range(40)]
    app = Recorder()
    async with serving(app, parser) as server:
        client = await server.connect()
        client.post(CHUNKED, b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n")
        client.post(b"Content-Length: %d\r\n" % (40 * size), b"".join(pieces))
        for _ in range(2):
            assert (await client.answer()).body == b"".join(pieces)


# Answers before the body was read


async def answer_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, scope["path"].encode())


async def test_the_rest_of_a_body_is_no_request(parser: str) -> None:
    async with serving(answer_at_once, parser) as server:
        client = await server.connect()
        inner = b"GET /smuggled HTTP/1.1\r\n" + HEAD + b"\r\n"
        client.post(b"Content-Length: %d\r\n" % len(inner), path=b"/1")
        assert (await client.answer()).body == b"/1"
        client.send(inner)
        client.get(b"/2")
        assert (await client.answer()).body == b"/2"


async def test_an_upload_without_end_does_not_keep_an_answered_connection(parser: str) -> None:
    async with serving(answer_at_once, parser) as server:
        client = await server.connect()
        client.post(CHUNKED)
        assert (await client.answer()).status == 200

        async def upload() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    client.send(b"10000\r\n" + bytes(65536) + b"\r\n")
                    await client.writer.drain()

        async with asyncio.timeout(SECONDS):
            await upload()


async def test_a_last_answer_can_be_read_by_a_client_that_still_sends(parser: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await respond(send, b"too much", (b"connection", b"close"), status=413)

    async with serving(app, parser) as server:
        client = await server.connect()
        client.post(b"Content-Length: 1000000000\r\n", bytes(8 * 2**20))
        await client.writer.drain()
        answer = await client.answer()
        assert answer.status == 413
        assert answer.body == b"too much"


async def test_100_continue_is_sent_when_the_application_asks_for_the_body(parser: str) -> None:
    ask = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await ask.wait()
        await Recorder()(scope, receive, send)

    async with serving(app, parser, body_timeout=0.2) as server:
        client = await server.connect()
        client.post(b"Content-Length: 2\r\nExpect: 100-continue\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.read(1), 0.5)
        ask.set()
        assert (await client.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        client.send(b"ab")
        assert (await client.answer()).body == b"ab"
        client.get()
        assert (await client.answer()).status == 200


async def test_nothing_follows_an_answer_that_did_not_ask_for_the_expected_body(parser: str) -> None:
    async with serving(answer_at_once, parser) as server:
        client = await server.connect()
        client.post(b"Content-Length: 10\r\nExpect: 100-continue\r\n", path=b"/1")
        assert (await client.answer()).body == b"/1"
        client.get(b"/2")
        assert await client.rest() == b""
