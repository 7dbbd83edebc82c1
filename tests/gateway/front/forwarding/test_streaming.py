"""Bodies both ways, piece by piece, and who holds up whom."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import h11
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from mattermost_plugin.types import Receive, Scope, Send
from support.client import connect, fetch
from support.front_apps import SOON, Play, app, echo, hashed

pytestmark = pytest.mark.anyio


async def test_a_piece_comes_back_before_the_next_one_is_sent(play: Play) -> None:
    async with play(app(echo)) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Transfer-Encoding", "chunked")])
        assert (await client.head()).status == 200
        for piece in (b"one", b"two", b"three"):
            await client.send(piece)
            assert await client.exactly(len(piece)) == piece
        await client.end()
        assert await client.piece() is None


async def test_megabytes_pass_both_ways_unchanged(play: Play) -> None:
    body = bytes(range(256)) * 4096 * 8
    async with play(app(echo)) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Content-Length", str(len(body)))])
        sending = asyncio.create_task(client.send(body))
        assert (await client.head()).status == 200
        got = hashlib.sha256()
        count = 0
        while (piece := await client.piece()) is not None:
            got.update(piece)
            count += len(piece)
            if count == len(body):
                await sending
                await client.end()
    assert got.digest() == hashlib.sha256(body).digest()


async def test_a_response_may_end_before_the_request_has(play: Play) -> None:
    async def impatient(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no"})

    async with play(impatient) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Content-Length", "1000000")])
        await client.send(b"x" * 1000)
        answer = await client.head()
        assert (answer.status, await client.exactly(2)) == (403, b"no")


async def test_the_rest_of_a_body_that_was_answered_already_is_no_request(play: Play) -> None:
    async def impatient(scope: Scope, receive: Receive, send: Send) -> None:
        body = scope["path"].encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async with play(impatient) as stage, connect(stage.port) as client:
        rest = b"GET /plugins/p/smuggled HTTP/1.1\r\nHost: test\r\n\r\n" * 5000
        await client.start("POST", "/plugins/p/1", [("Content-Length", str(len(rest)))])
        assert (await client.answer()).body.endswith(b"/1")
        await client.send(rest)
        await client.end()
        client.http.start_next_cycle()
        assert (await client.request("GET", "/plugins/p/2")).body.endswith(b"/2")


async def test_an_application_that_does_not_read_holds_up_the_upload(play: Play) -> None:
    go_on = asyncio.Event()

    async def reluctant(request: Request) -> Response:
        await go_on.wait()
        return PlainTextResponse(str(len(await request.body())))

    size = 32 * 1024 * 1024
    async with play(app(reluctant)) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Content-Length", str(size))])
        sending = asyncio.create_task(client.send(bytes(size)))
        assert not (await asyncio.wait({sending}, timeout=0.3))[0], "all of it is held by somebody"
        go_on.set()
        await sending
        await client.end()
        assert (await client.answer()).body == str(size).encode()


async def test_a_client_that_leaves_an_upload_that_is_held_up_is_noticed(play: Play) -> None:
    left, told = asyncio.Event(), asyncio.Event()

    async def reluctant(scope: Scope, receive: Receive, send: Send) -> None:
        await left.wait()
        while (await receive())["type"] != "http.disconnect":
            pass
        told.set()

    async with play(reluctant) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Content-Length", str(2**25))])
        sending = asyncio.create_task(client.send(bytes(2**25)))
        assert not (await asyncio.wait({sending}, timeout=0.3))[0]
        client.abort()
        left.set()
        await asyncio.wait_for(told.wait(), SOON)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_requests_that_come_all_at_once_are_answered_in_order(play: Play) -> None:
    async def late(request: Request) -> Response:
        number = request.path_params["rest"]
        await asyncio.sleep(0.05 if number == "0" else 0)
        return PlainTextResponse(number)

    async with play(app(late)) as stage, connect(stage.port) as client:
        await client.write(b"".join(b"GET /plugins/p/%d HTTP/1.1\r\nHost: test\r\n\r\n" % n for n in range(5)))
        for number in range(5):
            client.http = h11.Connection(h11.CLIENT)
            client.http.send(h11.Request(method="GET", target="/", headers=[("Host", "test")]))
            client.http.send(h11.EndOfMessage())
            if client.left:
                client.http.receive_data(client.left)  # an empty one would mean the end
            answer = await client.answer()
            client.left = client.http.trailing_data[0]
            assert answer.body == b"%d" % number


async def test_bodies_that_come_all_at_once_stay_with_their_requests(play: Play) -> None:
    bodies = [b"", b"a" * 10, b"", b"b" * 100_000, b"c"]
    head = b"POST /plugins/p/ HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n"
    async with play(app(hashed)) as stage, connect(stage.port) as client:
        await client.write(b"".join(head % len(body) + body for body in bodies))
        received = b""
        for body in bodies:
            digest = hashlib.sha256(body).hexdigest().encode()
            async with asyncio.timeout(SOON):
                while digest not in received:
                    received += await client.reader.read(65536)
            received = received.partition(digest)[2]


async def test_a_stalled_reader_delays_nobody_else(play: Play) -> None:
    sent = 0

    async def flood(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            nonlocal sent
            for _ in range(1000):
                sent += 65536
                yield b"x" * 65536

        return StreamingResponse(pieces()) if request.path_params["rest"] == "flood" else PlainTextResponse("quick")

    async with play(app(flood)) as stage, connect(stage.port) as stalled:
        await stalled.start("GET", "/plugins/p/flood")
        await stalled.end()
        await stalled.head()
        for _ in range(50):
            assert (await fetch(stage.port, "/plugins/p/quick")).body == b"quick"
        assert sent < 32 * 1024 * 1024, "the application ran far ahead of a client that does not read"


async def test_a_body_that_awaits_100_is_asked_for_when_the_application_reads(play_tunnel: Play) -> None:
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def reluctant(request: Request) -> Response:
        asked.set()
        await go_on.wait()
        return PlainTextResponse(str(len(await request.body())))

    async with play_tunnel(app(reluctant)) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Content-Length", "5"), ("Expect", "100-continue")])
        await asyncio.wait_for(asked.wait(), SOON)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.read(1), 0.1)
        go_on.set()
        assert (await asyncio.wait_for(client.reader.readline(), SOON)).startswith(b"HTTP/1.1 100")
