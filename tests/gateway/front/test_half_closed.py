"""Clients that send no more: they get what they asked for, and those that have gone are noticed all the same."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from mattermost_plugin.types import Receive, Scope, Send
from support.fronts import Stage, front
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

Play = Callable[..., AbstractAsyncContextManager[Stage]]
SOON = PATIENCE
TARGET = b"/plugins/p/"

WAYS: dict[str, dict[str, Any]] = {
    "fast path, uvloop": {"direct": True},
    "httptools, asyncio": {"parser": "httptools"},
    "h11, asyncio": {"parser": "h11"},
    "ServeHTTP, uvloop": {"parser": "httptools", "transport": "servehttp"},
}


@pytest.fixture(scope="module", params=WAYS.keys())
def way(request: pytest.FixtureRequest) -> str:
    if "uvloop" in request.param:
        pytest.importorskip("uvloop")
    return str(request.param)


@pytest.fixture(scope="module")
def anyio_backend(way: str) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": "uvloop" in way}


@pytest.fixture
def play(way: str, tmp_path: Path) -> Play:
    return partial(front, folder=tmp_path, **WAYS[way])


class Caller:
    """A client that looks at nothing but bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *requests: bytes, finish: bool = True) -> None:
        self.writer.write(b"".join(requests))
        if finish:
            self.writer.write_eof()

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        return await asyncio.wait_for(self.reader.read(), SOON)

    async def until(self, end: bytes) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(end), SOON)


@asynccontextmanager
async def call(stage: Stage) -> AsyncIterator[Caller]:
    caller = Caller(*await asyncio.open_connection("127.0.0.1", stage.port))
    try:
        yield caller
    finally:
        caller.writer.transport.abort()


def get(path: bytes, version: bytes = b"1.1") -> bytes:
    return b"GET %b%b HTTP/%b\r\nHost: a\r\n\r\n" % (TARGET, path, version)


def post(path: bytes, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"POST %b%b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (TARGET, path, size, body)


def app(endpoint: Callable[[Request], Any]) -> Callable[[Scope, Receive, Send], Any]:
    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        await (await endpoint(Request(scope, receive)))(scope, receive, send)

    return served


async def echo(request: Request) -> Response:
    return PlainTextResponse(request.url.path.encode() + b"|" + await request.body())


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_a_half_closed_client_gets_its_response_and_then_the_end(play: Play, version: bytes) -> None:
    async with play(app(echo)) as stage, call(stage) as caller:
        caller.send(get(b"x", version))
        answer = await caller.rest()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"/plugins/p/x|")


async def test_a_half_closed_client_gets_an_answer_of_the_gateways_own(play: Play) -> None:
    async with play(app(echo)) as stage, call(stage) as caller:
        caller.send(b"GET /plugins/nobody/x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await caller.rest()).startswith(b"HTTP/1.1 404 ")


async def test_all_that_was_asked_at_once_is_answered_before_the_end(play: Play) -> None:
    async with play(app(echo)) as stage, call(stage) as caller:
        caller.send(*[post(b"%d" % number, b"body %d" % number) for number in range(5)])
        received = await caller.rest()
    assert [received.count(b"/plugins/p/%d|body %d" % (number, number)) for number in range(5)] == [1] * 5
    assert received.count(b"HTTP/1.1 200 ") == 5


async def test_an_upload_that_waits_in_the_kernel_is_complete_though_its_client_has_finished(play: Play) -> None:
    begin = asyncio.Event()
    body = bytes(range(256)) * 4096

    async def slow(request: Request) -> Response:
        await begin.wait()
        return PlainTextResponse(hashlib.sha256(await request.body()).hexdigest())

    async with play(app(slow)) as stage, call(stage) as caller:
        caller.send(post(b"x", body))
        asyncio.get_running_loop().call_later(0.5, begin.set)
        assert (await caller.rest()).endswith(hashlib.sha256(body).hexdigest().encode())


async def test_a_stream_reaches_a_half_closed_client_whole(play: Play) -> None:
    async def pieces() -> Any:
        for number in range(2):
            await asyncio.sleep(0.45)  # so long that the client is probed between them
            yield b"piece %d;" % number

    async def stream(request: Request) -> Response:
        await asyncio.sleep(0.45)
        return StreamingResponse(pieces())

    async with play(app(stream)) as stage, call(stage) as caller:
        caller.send(get(b"x"))
        received = await caller.rest()
    interim, head, chunks = received.split(b"\r\n\r\n", 2)
    assert interim == b"HTTP/1.1 100 Continue"
    assert b"chunked" in head
    assert read_chunks(chunks) == b"piece 0;piece 1;"


def read_chunks(data: bytes) -> bytes:
    """The body that chunks make; nothing may be missing or left."""
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            assert data == b"\r\n"
            return body
        assert data[length : length + 2] == b"\r\n"
        body, data = body + data[:length], data[length + 2 :]


async def test_a_cut_upload_is_a_disconnect_and_never_a_whole_body(play: Play) -> None:
    seen: asyncio.Queue[object] = asyncio.Queue()

    async def collect(request: Request) -> Response:
        try:
            async for piece in request.stream():
                seen.put_nowait(piece)
        except ClientDisconnect as error:
            seen.put_nowait(type(error))
        return Response()

    async with play(app(collect)) as stage, call(stage) as caller:
        caller.send(post(b"x", b"begun", length=100), finish=False)
        assert await asyncio.wait_for(seen.get(), SOON) == b"begun"
        caller.writer.write_eof()
        assert await asyncio.wait_for(seen.get(), SOON) is ClientDisconnect
        assert await caller.rest() == b""


async def test_a_response_that_a_cut_upload_ends_is_not_taken_for_a_whole_one(play: Play) -> None:
    async def answers_early(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    async with play(answers_early) as stage, call(stage) as caller:
        upload = post(b"x", b"piece", length=100).replace(b"HTTP/1.1", b"HTTP/1.0")  # without chunks the end is the end
        caller.send(upload, finish=False)
        await asyncio.wait_for(caller.reader.readuntil(b"begun"), SOON)
        caller.writer.write_eof()
        with pytest.raises(ConnectionError):
            await caller.rest()


@pytest.mark.parametrize("cut", [b"GET /plug", post(b"cut", b"begun", length=100)[:-2]], ids=["head", "body"])
async def test_what_is_cut_behind_a_whole_request_is_dropped(play: Play, cut: bytes) -> None:
    release = asyncio.Event()
    whole: list[str] = []

    async def wait(request: Request) -> Response:
        await request.body()
        whole.append(request.url.path)
        await release.wait()
        return PlainTextResponse("whole")

    async with play(app(wait)) as stage, call(stage) as caller:
        caller.send(get(b"1"), cut)
        asyncio.get_running_loop().call_later(0.1, release.set)
        received = await caller.rest()
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.endswith(b"whole")
    assert whole == ["/plugins/p/1"]


@pytest.mark.parametrize("last", [get(b"1", b"1.0"), get(b"1").replace(b"Host", b"Connection: close\r\nHost")])
@pytest.mark.parametrize("then", ["another request", "rubbish", "half a head", "nothing"])
@pytest.mark.parametrize("finish", [True, False])
async def test_what_comes_behind_a_last_request_does_not_cost_its_response(
    play: Play, last: bytes, then: str, finish: bool
) -> None:
    more = {"another request": get(b"2"), "rubbish": b"\0\0\0\0\r\n\r\n", "half a head": b"GET /plu", "nothing": b""}
    asked, release = asyncio.Event(), asyncio.Event()

    async def wait(request: Request) -> Response:
        asked.set()
        await release.wait()
        return PlainTextResponse("whole")

    async with play(app(wait)) as stage, call(stage) as caller:
        caller.send(last, finish=False)
        await asked.wait()
        caller.send(more[then], finish=finish)
        asyncio.get_running_loop().call_later(0.1, release.set)
        received = await caller.rest()
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith((b"whole", b"0\r\n\r\n"))
    assert received.count(b"HTTP/1.1 ") == 1


async def test_an_idle_connection_ends_with_its_client(play: Play) -> None:
    async with play(app(echo)) as stage, call(stage) as caller:
        caller.send(get(b"1"), finish=False)
        await caller.until(b"/1|")
        caller.writer.write_eof()
        assert await caller.rest() == b""


class Ends:
    """An application that says when its client has gone."""

    def __init__(self, start: bool) -> None:
        self.start = start
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.start:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        self.begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        self.ended.set()


@pytest.mark.parametrize("start", [False, True], ids=["before the response", "between two chunks"])
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_a_client_that_has_gone_is_noticed(play: Play, start: bool, reset: bool) -> None:
    ends = Ends(start)
    async with play(ends) as stage, call(stage) as caller:
        caller.send(get(b"x"), finish=False)
        await asyncio.wait_for(ends.begun.wait(), SOON)
        if start:
            await caller.until(b"begun\r\n")
        caller.writer.transport.abort() if reset else caller.writer.close()
        await asyncio.wait_for(ends.ended.wait(), SOON)


async def test_a_half_closed_client_that_goes_is_noticed(play: Play) -> None:
    ends = Ends(start=False)
    async with play(ends) as stage, call(stage) as caller:
        caller.send(get(b"x"))
        await asyncio.wait_for(ends.begun.wait(), SOON)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ends.ended.wait(), 0.2)
        caller.writer.close()
        await asyncio.wait_for(ends.ended.wait(), SOON)


async def test_a_cut_response_is_never_taken_for_a_whole_one_after_a_probe(play: Play) -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await asyncio.sleep(0.45)
        raise RuntimeError("the application fails")

    async with play(fails) as stage, call(stage) as caller:
        caller.send(get(b"x"))
        with pytest.raises(ConnectionError):
            await caller.rest()


async def test_a_unix_socket_that_is_closed_is_told_from_one_that_is_half_closed() -> None:
    from servehttp.front.presence import Presence, absences

    loop = asyncio.get_running_loop()
    seen = []
    for leave in (lambda peer: None, lambda peer: peer.shutdown(socket.SHUT_WR), lambda peer: peer.close()):
        ours, peer = socket.socketpair()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        transport.pause_reading()
        leave(peer)
        seen.append(absences([transport]).get(transport))
        transport.abort()
        peer.close()
    assert seen == [None, Presence.FINISHED, Presence.GONE]
