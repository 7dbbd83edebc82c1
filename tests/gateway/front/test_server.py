"""The HTTP server below ASGI, over real sockets, with both parsers and both event loops, each once."""

from __future__ import annotations

import asyncio
import contextlib

import h11
import pytest

from mattermost_plugin.types import Receive, Scope, Send
from support.front_server import HEAD, SECONDS, Client, Recorder, Running, eventually, gone, respond, serving

pytestmark = pytest.mark.anyio

CHUNKED = b"Transfer-Encoding: chunked\r\n"
TICKS = 0.35
"""What a time-out may take longer than set, on a busy machine: it is looked at ten times a second."""


@pytest.fixture(params=["httptools-uvloop", "h11-asyncio"])
def combination(request: pytest.FixtureRequest) -> list[str]:
    if "uvloop" in request.param:
        pytest.importorskip("uvloop")
    return str(request.param).split("-")


@pytest.fixture
def parser(combination: list[str]) -> str:
    return combination[0]


@pytest.fixture
def anyio_backend(combination: list[str]) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": combination[1] == "uvloop"}


def now() -> float:
    return asyncio.get_running_loop().time()


async def refused(client: Client, status: int, app: Recorder) -> str:
    """The message with which the server refuses and closes, without having called the application."""
    answer = await client.answer()
    assert answer.status == status
    assert answer.header(b"connection") == b"close"
    assert answer.header(b"date")
    assert answer.header(b"x-request-id")
    assert await client.rest() == b""
    assert app.scopes == []
    return answer.message


# Sizes


async def test_a_head_that_is_too_large_is_refused(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser, max_header_bytes=2000) as server:
        client = await server.connect()
        client.get(headers=b"X: " + b"a" * 3000 + b"\r\n")
        assert "2000 bytes" in await refused(client, 431, app)


async def test_too_many_headers_are_refused(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser, max_header_count=10) as server:
        client = await server.connect()
        client.get(headers=b"X: 1\r\n" * 10)
        assert "10 headers" in await refused(client, 431, app)


async def test_a_target_that_is_too_long_is_refused(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser, max_target_length=100) as server:
        client = await server.connect()
        client.get(b"/" + b"a" * 100)
        assert "100 bytes" in await refused(client, 414, app)


@pytest.mark.parametrize(
    ("start", "status"), [(b"GET /", 414), (b"GET / HTTP/1.1\r\nX: ", 431), (b"GET / HTTP/1.1\r\n" + HEAD, 431)]
)
async def test_a_head_without_an_end_is_refused_and_the_client_can_read_it_while_it_sends(
    parser: str, start: bytes, status: int
) -> None:
    app = Recorder()
    async with serving(app, parser) as server:
        client = await server.connect()
        client.send(start)
        client.send((b"X: 1\r\n" if start.endswith(HEAD) else b"aaaaaa") * 3_000_000)
        await client.writer.drain()
        answer = await client.answer()
        assert answer.status == status
        assert app.scopes == []


async def test_what_is_within_the_limits_arrives_whole(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser) as server:
        client = await server.connect()
        client.get(b"/" + b"a" * 8000, headers=b"X: " + b"b" * 50_000 + b"\r\n")
        assert (await client.answer()).status == 200
        assert len(app.scopes[0]["path"]) == 8001
        assert app.scopes[0]["headers"][1] == (b"x", b"b" * 50_000)


async def test_a_trailer_section_without_an_end_is_cut(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser, max_header_bytes=2000) as server:
        client = await server.connect()
        client.post(CHUNKED, b"0\r\nX: ")
        for _ in range(20):
            client.send(b"a" * 100_000)
        assert (await client.answer()).status == 431
        assert app.whole == []


async def test_trailers_do_not_become_headers(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser) as server:
        client = await server.connect()
        client.post(CHUNKED, b"1\r\na\r\n0\r\nMattermost-User-Id: root\r\n\r\n")
        assert (await client.answer()).body == b"a"
        assert [name for name, _ in app.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]


# Time


async def test_a_head_that_does_not_end_in_time_is_refused_however_busily_it_arrives(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser, header_timeout=0.3) as server:
        client = await server.connect()
        client.send(b"GET / HTTP/1.1\r\nX: ")
        started = now()

        async def drip() -> None:
            while True:
                client.send(b"a")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        answer = await client.answer()
        dripping.cancel()
        assert answer.status == 408
        assert 0.3 - 0.02 <= now() - started < 0.3 + 0.1 + TICKS
        assert app.scopes == []


async def test_a_connection_that_never_speaks_is_closed_in_silence(parser: str) -> None:
    async with serving(Recorder(), parser, header_timeout=0.3) as server:
        client = await server.connect()
        started = now()
        assert await client.rest() == b""
        assert now() - started < 0.3 + 0.1 + TICKS


async def test_a_later_head_has_its_time_from_its_first_byte(parser: str) -> None:
    async with serving(Recorder(), parser, header_timeout=0.3) as server:
        client = await server.connect()
        client.get()
        assert (await client.answer()).status == 200
        client.send(b"GET / HT")
        assert (await client.answer()).status == 408
        assert await client.rest() == b""


async def test_an_idle_connection_is_closed(parser: str) -> None:
    async with serving(Recorder(), parser, keep_alive_timeout=0.3) as server:
        client = await server.connect()
        client.get()
        assert (await client.answer()).status == 200
        started = now()
        assert await client.rest() == b""
        assert now() - started < 0.3 + 0.1 + TICKS


async def test_a_connection_in_use_outlives_all_time_outs(parser: str) -> None:
    async with serving(Recorder(), parser, keep_alive_timeout=0.3, header_timeout=0.3, body_timeout=0.3) as server:
        client = await server.connect()
        started = now()
        while now() - started < 0.8:
            client.post(b"Content-Length: 2\r\n", b"ab")
            assert (await client.answer()).body == b"ab"


async def test_a_body_that_pauses_too_long_is_a_disconnect_and_a_408(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser, body_timeout=0.3) as server:
        client = await server.connect()
        client.post(b"Content-Length: 10\r\n", b"abc")
        assert (await client.answer()).status == 408
        await asyncio.wait_for(app.disconnected.wait(), SECONDS)
        assert app.whole == []
        assert await client.rest() == b""


async def test_a_body_that_pauses_after_the_response_began_breaks_the_connection(parser: str) -> None:
    told = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await gone(receive)
        told.set()

    async with serving(app, parser, body_timeout=0.3) as server:
        client = await server.connect()
        client.post(b"Content-Length: 10\r\n", b"abc")
        with pytest.raises((h11.RemoteProtocolError, ConnectionError)):
            await client.answer()
        await asyncio.wait_for(told.wait(), SECONDS)


async def test_a_slow_application_is_not_held_against_the_client(parser: str) -> None:
    size = 4 * 2**20

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.7)
        await respond(send, b"%d" % len(await Recorder().read(receive) or b""))

    async with serving(app, parser, body_timeout=0.3) as server:
        client = await server.connect()
        client.post(b"Content-Length: %d\r\n" % size, bytes(size))
        assert (await client.answer()).body == b"%d" % size


async def test_a_client_that_does_not_read_the_end_of_its_response_is_dropped_in_time(parser: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(OSError):
            await respond(send, bytes(64 * 2**20), (b"connection", b"close"))

    async with serving(app, parser, body_timeout=0.3) as server:
        client = await server.connect(limit=1024)
        client.get()
        await client.until(b"\r\n\r\n")
        await eventually(lambda: not server.connections)


# Disconnects


async def test_a_client_that_leaves_is_noticed_though_reading_is_paused(parser: str) -> None:
    left, told = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await left.wait()
        await eventually(lambda: not server.connections)
        await gone(receive)
        told.set()

    async with serving(app, parser) as server:
        client = await server.connect()
        # More than uvicorn takes unasked, and less than the kernel does: FIN must not queue behind a closed window.
        client.post(b"Content-Length: 10000000\r\n", bytes(100_000))
        await eventually(lambda: any(not one.is_reading() for one in server.connections))
        started = now()
        await client.close()
        left.set()
        await asyncio.wait_for(told.wait(), SECONDS)
        assert now() - started < 1


async def test_a_client_that_leaves_with_a_request_in_the_queue_is_noticed(parser: str) -> None:
    begun, told = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await gone(receive)
        told.set()

    async with serving(app, parser) as server:
        client = await server.connect()
        client.get(b"/1")
        client.get(b"/2")
        await asyncio.wait_for(begun.wait(), SECONDS)
        await client.close()
        await asyncio.wait_for(told.wait(), 1)


async def test_a_client_that_leaves_is_noticed_by_a_request_that_waited_in_the_queue(parser: str) -> None:
    release, told = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        if scope["path"] == "/1":
            await respond(send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await gone(receive)
        told.set()

    async with serving(app, parser) as server:
        client = await server.connect()
        for path in (b"/1", b"/2", b"/3"):
            client.get(path)
        asyncio.get_running_loop().call_later(0.05, release.set)
        assert (await client.answer()).body == b"ok"
        await client.until(b"begun")
        await client.close()
        await asyncio.wait_for(told.wait(), 1)


async def test_a_client_that_does_not_read_holds_up_the_application_and_no_memory(parser: str) -> None:
    sent = 0
    done = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
            sent += 65536
        done.set()

    async with serving(app, parser) as server:
        client = await server.connect(limit=1024)
        client.get()
        await client.until(b"\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(done.wait(), 0.3)
        assert sent < 16 * 2**20


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
        started = now()

        async def upload() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    client.send(b"10000\r\n" + bytes(65536) + b"\r\n")
                    await client.writer.drain()

        async with asyncio.timeout(SECONDS):
            await upload()
        assert now() - started < 2 + 0.1 + TICKS + 1


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


# Pipelining


async def test_pipelined_requests_are_answered_in_order(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser) as server:
        client = await server.connect()
        for number in range(20):
            client.post(b"Content-Length: 2\r\n", b"%02d" % number)
        assert [(await client.answer()).body for _ in range(20)] == [b"%02d" % number for number in range(20)]


async def test_a_flood_of_pipelined_requests_is_bounded(parser: str) -> None:
    calls = 0
    release = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal calls
        calls += 1
        await release.wait()
        await respond(send)

    async with serving(app, parser) as server:
        client = await server.connect()
        client.send((b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n") * 5000)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.read(1), 0.3)
        assert calls == 1
        release.set()
        if parser == "h11":
            assert [(await client.answer()).status for _ in range(1000)] == [200] * 1000
        else:
            assert [(await client.answer()).status for _ in range(66)] == [200] * 65 + [400]
            assert await client.rest() == b""


# Responses cut short


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"1000")]], ids=["chunked", "content-length"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_a_response_cut_short_is_not_taken_for_a_whole_one(
    parser: str, headers: list[tuple[bytes, bytes]], version: bytes
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(400), "more_body": True})
        raise RuntimeError("the application fails")

    async with serving(app, parser) as server:
        client = await server.connect()
        client.get(version=version)
        with pytest.raises((h11.RemoteProtocolError, ConnectionError)):
            await client.answer()


async def test_a_failure_before_the_response_is_a_500(parser: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("secret")

    async with serving(app, parser) as server:
        client = await server.connect()
        client.get()
        answer = await client.answer()
        assert answer.status == 500
        assert b"secret" not in answer.body


# Stopping


async def test_idle_connections_do_not_hold_up_a_stop(parser: str) -> None:
    async with serving(Recorder(), parser, drain_timeout=SECONDS, drain_idle_timeout=0.2) as server:
        idle, begun, silent = [await server.connect() for _ in range(3)]
        idle.get()
        assert (await idle.answer()).status == 200
        begun.send(b"GET / HT")
        assert await server.stop() < 1
        assert [await client.rest() for client in (idle, begun, silent)] == [b"", b"", b""]


async def test_a_request_on_an_idle_connection_is_answered_while_the_server_stops(parser: str) -> None:
    async with serving(Recorder(), parser, drain_timeout=SECONDS, drain_idle_timeout=SECONDS) as server:
        used, fresh = await server.connect(), await server.connect()
        used.get()
        answer = await used.answer()
        assert (answer.status, answer.header(b"connection")) == (200, None)
        stop = asyncio.create_task(server.stop())
        await listens_no_more(server)
        for client in (used, fresh):
            client.get()
            answer = await client.answer()
            assert (answer.status, answer.header(b"connection")) == (200, b"close")
            assert await client.rest() == b""
        await stop


async def listens_no_more(server: Running) -> None:
    """Returns when nobody can connect any more."""
    async with asyncio.timeout(SECONDS):
        with pytest.raises(ConnectionError):
            while True:
                client = await server.connect()
                await client.close()
                await asyncio.sleep(0.01)


async def test_a_request_in_flight_is_finished(parser: str) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await release.wait()
        await respond(send)

    async with serving(app, parser, drain_timeout=SECONDS) as server:
        client = await server.connect()
        client.get()
        await asyncio.wait_for(begun.wait(), SECONDS)
        stop = asyncio.create_task(server.stop())
        asyncio.get_running_loop().call_later(0.2, release.set)
        assert (await client.answer()).status == 200
        assert await client.rest() == b""
        assert await stop < 1


async def test_a_stream_without_end_is_ended_in_time(parser: str) -> None:
    cancelled = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serving(app, parser, drain_timeout=0.3) as server:
        client = await server.connect()
        client.get()
        await client.until(b"begun")
        assert await server.stop() < 0.3 + 0.3 + TICKS
        await asyncio.wait_for(cancelled.wait(), SECONDS)
        assert b"0\r\n\r\n" not in await client.rest()


async def test_a_stalled_upload_does_not_hold_up_a_stop(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser, drain_timeout=0.3) as server:
        client = await server.connect()
        client.post(b"Content-Length: 10\r\n", b"abc")
        await eventually(lambda: bool(app.scopes))
        assert await server.stop() < 0.3 + 0.3 + TICKS
        assert app.whole == []
