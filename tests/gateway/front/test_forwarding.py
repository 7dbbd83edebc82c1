"""HTTP through the front, over either transport, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import h11
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from mattermost_plugin.types import Receive, Scope, Send
from servehttp.plugins.states import PluginState
from support.client import Broken, connect, fetch
from support.fronts import Stage, front
from support.loops import one_module_loop  # noqa: F401  # pytest uses it

pytestmark = pytest.mark.anyio

Play = Callable[..., AbstractAsyncContextManager[Stage]]

SOON = 5.0
"""Seconds within which what a test waits for has to happen."""


@pytest.fixture(params=["direct", "tunnel", "servehttp"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Puts an application behind the front, once for each way through it."""
    direct = request.param == "direct"
    return partial(front, folder=tmp_path, transport="tunnel" if direct else request.param, direct=direct)


@pytest.fixture(params=["direct", "tunnel"])
def play_tunnel(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    return partial(front, folder=tmp_path, transport="tunnel", direct=request.param == "direct")


def app(endpoint: Callable[[Request], Any], methods: tuple[str, ...] = ("GET", "POST")) -> Starlette:
    return Starlette(routes=[Route("/{rest:path}", endpoint, methods=methods)])


async def describe(request: Request) -> Response:
    scope = request.scope
    return JSONResponse(
        {
            "method": scope["method"],
            "path": scope["path"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "root_path": scope["root_path"],
            "client": scope["client"],
            "scheme": scope["scheme"],
            "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
            "body": (await request.body()).decode(),
        }
    )


async def echo(request: Request) -> Response:
    return StreamingResponse(request.stream())


async def hashed(request: Request) -> Response:
    return PlainTextResponse(hashlib.sha256(await request.body()).hexdigest())


# What the application sees


async def test_the_application_sees_the_request_as_it_was_sent(play: Play) -> None:
    async with play(app(describe)) as stage:
        answer = await fetch(stage.port, "/plugins/p/a%2Fb/c%20d?x=%201&y", "POST", [("X-One", "1")], b"body")
    seen = answer.json()
    assert seen["method"] == "POST"
    assert seen["path"] == "/plugins/p/a/b/c d"
    assert seen["raw_path"] == "/plugins/p/a%2Fb/c%20d"
    assert seen["query"] == "x=%201&y"
    assert seen["root_path"] == "/plugins/p"
    assert seen["client"][0] == "127.0.0.1"
    assert seen["body"] == "body"
    assert ["x-one", "1"] in seen["headers"]
    assert ["host", "test"] in seen["headers"]


async def test_links_that_the_application_makes_work_from_outside(play: Play) -> None:
    async def link(request: Request) -> Response:
        return PlainTextResponse(str(request.url_for("link", rest="x")))

    routes = [Route("/{rest:path}", link, name="link")]
    async with play(Starlette(routes=routes)) as stage:
        answer = await fetch(stage.port, "/plugins/p/anything")
    assert answer.body == b"http://test/plugins/p/x"


async def test_nobody_says_of_himself_who_he_is(play: Play) -> None:
    forged = [("Mattermost-User-Id", "root"), ("mattermost_user_id", "root"), ("Connection", "mattermost-user-id")]
    async with play(app(describe)) as stage:
        seen = (await fetch(stage.port, "/plugins/p/", headers=forged)).json()
    assert not [name for name, _ in seen["headers"] if "mattermost" in name]


async def test_repeated_headers_stay_apart_both_ways(play: Play) -> None:
    async def cookies(request: Request) -> Response:
        response = PlainTextResponse(",".join(request.headers.getlist("x-many")))
        response.headers.append("set-cookie", "a=1")
        response.headers.append("set-cookie", "b=2")
        return response

    async with play(app(cookies)) as stage:
        answer = await fetch(stage.port, "/plugins/p/", headers=[("X-Many", "1"), ("X-Many", "2")])
    assert answer.body == b"1,2"
    own = b"; Path=/plugins/p/"
    assert [value for name, value in answer.headers if name == b"set-cookie"] == [b"a=1" + own, b"b=2" + own]


async def test_a_trusted_proxy_says_who_the_client_is(play: Play) -> None:
    forwarded = [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https")]
    async with play(app(describe), trusted=("127.0.0.1",)) as stage:
        seen = (await fetch(stage.port, "/plugins/p/", headers=forwarded)).json()
    assert (seen["client"][0], seen["scheme"]) == ("1.2.3.4", "https")


async def test_nobody_else_does(play: Play) -> None:
    forwarded = [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https")]
    async with play(app(describe)) as stage:
        seen = (await fetch(stage.port, "/plugins/p/", headers=forwarded)).json()
    assert (seen["client"][0], seen["scheme"]) == ("127.0.0.1", "http")
    assert not [name for name, _ in seen["headers"] if name.startswith("x-forwarded")]


# Streaming


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


# The ends


async def test_the_application_is_told_within_a_second_that_the_client_has_gone(play: Play) -> None:
    told: asyncio.Queue[float] = asyncio.Queue()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        with pytest.raises(OSError, match="client went away"):
            await send({"type": "http.response.body", "body": b"more", "more_body": True})
        told.put_nowait(asyncio.get_running_loop().time())

    async with play(endless) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await client.head()
        await client.exactly(5)
        left = asyncio.get_running_loop().time()
        client.abort()
        assert await asyncio.wait_for(told.get(), SOON) - left < 1.0


async def test_a_cut_upload_is_a_disconnect_and_never_a_whole_body(play: Play) -> None:
    seen: asyncio.Queue[object] = asyncio.Queue()

    async def collect(request: Request) -> Response:
        try:
            async for piece in request.stream():
                seen.put_nowait(piece)
        except ClientDisconnect as error:
            seen.put_nowait(type(error))
        return Response()

    async with play(app(collect)) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Content-Length", "1000")])
        await client.send(b"x")
        assert await asyncio.wait_for(seen.get(), SOON) == b"x"
        client.abort()
        assert await asyncio.wait_for(seen.get(), SOON) is ClientDisconnect


async def test_a_response_that_is_cut_short_never_looks_complete(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def half(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError("the rest is missing")

        return StreamingResponse(pieces())

    async with play(app(half)) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await client.head()
        assert await client.exactly(4) == b"half"
        with pytest.raises(Broken):
            await client.piece()
    assert "the rest is missing" in caplog.text


async def test_an_exception_is_a_500_without_its_text(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("secret")

    async with play(fail) as stage:
        answer = await fetch(stage.port, "/plugins/p/")
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert "secret" in caplog.text


async def test_a_plugin_that_vanishes_before_its_answer_is_a_502(play: Play) -> None:
    reached = asyncio.Event()

    async def hang(request: Request) -> Response:
        reached.set()
        await asyncio.Event().wait()
        return Response()

    async with play(app(hang)) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await asyncio.wait_for(reached.wait(), SOON)
        await stage.plugin.stop(None)
        answer = await client.answer()
    assert answer.status == 502
    assert answer.json()["error"]["plugin"] == "p"


async def test_a_plugin_that_vanishes_in_mid_response_breaks_the_connection(play: Play) -> None:
    async def endless(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.Event().wait()

        return StreamingResponse(pieces())

    async with play(app(endless)) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await client.head()
        await client.exactly(5)
        await stage.plugin.stop(None)
        with pytest.raises(Broken):
            await client.piece()


async def test_a_plugin_that_does_not_answer_in_time_is_a_504(play: Play) -> None:
    ended = asyncio.Event()

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        ended.set()

    async with play(hang, first_byte_timeout=0.2) as stage:
        answer = await fetch(stage.port, "/plugins/p/")
        assert answer.status == 504
        await asyncio.wait_for(ended.wait(), SOON)


async def test_a_response_without_progress_is_cut(play: Play) -> None:
    async def stuck(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.Event().wait()

        return StreamingResponse(pieces())

    async with play(app(stuck), idle_timeout=0.2) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await client.head()
        await client.exactly(5)
        with pytest.raises(Broken):
            await client.piece()


async def test_an_upload_that_moves_keeps_the_first_byte_waiting(play: Play) -> None:
    async def size(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async with play(app(size), first_byte_timeout=0.5) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Content-Length", "8")])
        for _ in range(8):
            await client.send(b"x")
            await asyncio.sleep(0.1)
        await client.end()
        assert (await client.answer()).body == b"8"


# Bad responses


@pytest.mark.parametrize(
    "header", [(b"x-split", b"a\r\nx-injected: 1"), (b"bad name", b"x"), (b"content-length", b"many")]
)
async def test_a_bad_header_never_reaches_the_client(play: Play, header: tuple[bytes, bytes]) -> None:
    async def bad(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ValueError):
            await send({"type": "http.response.start", "status": 200, "headers": [header]})

    async with play(bad) as stage:
        answer = await fetch(stage.port, "/plugins/p/")
    assert answer.status == 500
    assert not [name for name, _ in answer.headers if name in (b"x-injected", b"x-split")]


@pytest.mark.parametrize(("sent", "declared"), [(b"too long", 3), (b"short", 300)])
async def test_a_body_that_belies_its_length_breaks_the_connection(
    play: Play, sent: bytes, declared: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def liar(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"%d" % declared)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": sent})

    async with play(liar) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        with pytest.raises(Broken):
            await client.answer()


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_a_body_have_none(play: Play, status: int) -> None:
    async def empty(request: Request) -> Response:
        return Response(status_code=status)

    async with play(app(empty)) as stage, connect(stage.port) as client:
        for _ in range(2):
            answer = await client.request("GET", "/plugins/p/")
            assert (answer.status, answer.body) == (status, b"")


async def test_head_has_the_length_and_no_body(play: Play) -> None:
    async with play(app(lambda request: PlainTextResponse("hello"), ("GET",))) as stage:
        answer = await fetch(stage.port, "/plugins/p/", "HEAD")
    assert (answer.status, answer.header("content-length"), answer.body) == (200, "5", b"")


# Answers of the gateway's own


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/", 404),
        ("/nothing", 404),
        ("/plugins", 404),
        ("/plugins/", 404),
        ("/plugins//", 404),
        ("/plugins/q/", 404),
        ("/plugins/p/../q/", 400),
        ("/plugins/p/%2e%2e/q", 400),
    ],
)
async def test_what_is_nobodys_is_refused_in_json(play_tunnel: Play, target: str, status: int) -> None:
    async with play_tunnel(app(describe)) as stage:
        answer = await fetch(stage.port, target, headers=[("X-Request-Id", "mine")])
    assert answer.status == status
    assert answer.json()["error"]["status"] == status
    assert answer.json()["error"]["request_id"] == answer.header("x-request-id") == "mine"


async def test_a_plugin_without_its_slash_is_one_redirect_away(play_tunnel: Play) -> None:
    async with play_tunnel(app(describe)) as stage:
        answer = await fetch(stage.port, "/plugins/p?x=1")
    assert (answer.status, answer.header("location")) == (307, "/plugins/p/?x=1")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (PluginState.STARTING, 503),
        (PluginState.RESTARTING, 503),
        (PluginState.STOPPED, 404),
        (PluginState.STOPPING, 404),
        (PluginState.FAILED, 404),
    ],
)
async def test_a_plugin_that_does_not_run_says_whether_to_come_again(
    play_tunnel: Play, state: PluginState, status: int
) -> None:
    async with play_tunnel(app(describe)) as stage:
        link, stage.handle.link, stage.handle.state = stage.handle.link, None, state
        answer = await fetch(stage.port, "/plugins/p/")
        assert link is not None
    assert answer.status == status
    assert (answer.header("retry-after") is not None) is (status == 503)


async def test_a_plugin_with_its_hands_full_is_a_503(play: Play) -> None:
    reached = asyncio.Event()

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        reached.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    async with play(hang, max_exchanges=1) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await asyncio.wait_for(reached.wait(), SOON)
        answer = await fetch(stage.port, "/plugins/p/")
    assert (answer.status, answer.header("retry-after")) == (503, "1")


async def test_a_body_that_says_it_is_too_large_is_a_413_and_never_arrives(play: Play) -> None:
    called = False

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal called
        called = True

    async with play(app, max_body_size=10) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Content-Length", "11")])
        assert (await client.answer()).status == 413
    assert not called


async def test_a_body_that_grows_too_large_is_a_413_and_a_disconnect(play: Play) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        while (event := await receive())["type"] == "http.request" and event["more_body"]:
            seen.put_nowait("more")
        seen.put_nowait(event["type"])

    async with play(read, max_body_size=10) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Transfer-Encoding", "chunked")])
        await client.send(b"x" * 5)
        assert await asyncio.wait_for(seen.get(), SOON) == "more"
        await client.send(b"x" * 20)
        assert (await client.answer()).status == 413
        assert await asyncio.wait_for(seen.get(), SOON) == "http.disconnect"


async def test_every_request_is_one_line_in_the_access_log(play: Play) -> None:
    with capture_logs() as logs:
        async with play(app(echo)) as stage:
            answer = await fetch(stage.port, "/plugins/p/x%1By", "POST", [("X-Request-Id", "r1")], b"12345")
    assert answer.header("x-request-id") == "r1"
    (line,) = [log for log in logs if log["event"] == "POST /plugins/p/x%1By"]
    assert (line["status"], line["plugin"], line["request_id"]) == (200, "p", "r1")
    assert (line["bytes_in"], line["bytes_out"]) == (5, 5)
    assert 0 <= line["first_byte_ms"] <= line["duration_ms"]


# Health


async def test_alive_is_not_ready(play_tunnel: Play) -> None:
    async with play_tunnel(app(describe)) as stage:
        assert (await fetch(stage.port, "/livez")).status == 200
        assert (await fetch(stage.port, "/readyz")).status == 200
        stage.handle.state = PluginState.STARTING
        assert (await fetch(stage.port, "/livez")).status == 200
        assert (await fetch(stage.port, "/readyz")).status == 503
        verbose = await fetch(stage.port, "/readyz?verbose")
    assert verbose.json() == {"status": "not ready", "plugins": [{"id": "p", "state": "starting"}]}
