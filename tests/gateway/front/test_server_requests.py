"""Requests that are no valid HTTP/1.1, and what each parser makes of them."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from mattermost_plugin.types import Receive, Scope, Send
from support.front_server import Answer, Recorder, Running, eventually, serving

pytestmark = pytest.mark.anyio

HOST = b"Host: a\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"


@pytest.fixture(params=["httptools", "h11"])
def parser(request: pytest.FixtureRequest) -> str:
    return str(request.param)


REFUSED = {
    # Lines
    "bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare LF after the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "bare LF after a header": b"GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "bare CR in a value": GET + b"X: a\rb\r\n\r\n",
    "space before the colon": GET + b"X : a\r\n\r\n",
    "tab before the colon": GET + b"X\t: a\r\n\r\n",
    "first header folded": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "no colon": GET + b"foo\r\n\r\n",
    "empty name": GET + b": x\r\n\r\n",
    "NUL in a value": GET + b"X: a\0b\r\n\r\n",
    "NUL in a name": GET + b"X\0: a\r\n\r\n",
    "name is no token": GET + b"X(: a\r\n\r\n",
    "name beyond ASCII": GET + b"X\xc3\xa9: a\r\n\r\n",
    # Request line
    "no version": b"GET /\r\n\r\n",
    "HTTP/0.9": b"GET / HTTP/0.9\r\n" + HOST + b"\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
    "HTTP/1.10": b"GET / HTTP/1.10\r\n" + HOST + b"\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    "http/1.1": b"GET / http/1.1\r\n" + HOST + b"\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "tabs in the request line": b"GET\t/\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "space after the version": b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n",
    "space before the method": b" GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "no method": b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    "method is no token": b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "control character in the target": b"GET /a\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL in the target": b"GET /a\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "target beyond ASCII": b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "target without a slash": b"GET a HTTP/1.1\r\n" + HOST + b"\r\n",
    "only a query": b"GET ?a HTTP/1.1\r\n" + HOST + b"\r\n",
    "GET *": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "another scheme": b"GET ftp://a/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "another host": b"GET http://b/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT with a path": b"CONNECT / HTTP/1.1\r\n" + HOST + b"\r\n",
    "only empty lines": b"\n" * 10,
    "no HTTP": b"asdf\r\n\r\n",
    # Host
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": GET + HOST + b"\r\n",
    "two Hosts in HTTP/1.0": b"GET / HTTP/1.0\r\n" + HOST + HOST + b"\r\n",
    "list of Hosts": b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "Host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    # Framing
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "list of lengths": POST + b"Content-Length: 3, 4\r\n\r\nabcd",
    "negative length": POST + b"Content-Length: -3\r\n\r\nabc",
    "length with a plus": POST + b"Content-Length: +3\r\n\r\nabc",
    "hexadecimal length": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "empty length": POST + b"Content-Length:\r\n\r\nabc",
    "length with a space": POST + b"Content-Length: 3 3\r\n\r\nabc",
    "length with an underscore": POST + b"Content-Length: 1_0\r\n\r\nabcdefghij",
    "length beyond 64 bits": POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "length in other digits": POST + "Content-Length: ٣\r\n\r\nabc".encode(),
    "length and chunked": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
    "chunked and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" + LAST,
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n" + LAST,
    "gzip": POST + b"Transfer-Encoding: gzip\r\n\r\n" + LAST,
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + LAST,
    "chunked, gzip": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + LAST,
    "chunked, chunked": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + LAST,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + LAST,
    "chunked after a control character": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + LAST,
    "chunked in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + LAST,
    "empty coding": POST + b"Transfer-Encoding:\r\n\r\n" + LAST,
    "coding with a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + LAST,
    # Chunks
    "negative chunk": CHUNKED + b"-1\r\na\r\n" + LAST,
    "chunk with 0x": CHUNKED + b"0x1\r\na\r\n" + LAST,
    "chunk with a plus": CHUNKED + b"+1\r\na\r\n" + LAST,
    "chunk with an underscore": CHUNKED + b"1_0\r\na\r\n" + LAST,
    "chunk without a size": CHUNKED + b"\r\na\r\n" + LAST,
    "chunk size is no number": CHUNKED + b"g\r\na\r\n" + LAST,
    "chunk beyond 64 bits": CHUNKED + b"ffffffffffffffffff\r\na",
    "chunks with bare LF": CHUNKED + b"1\na\n0\n\n",
    "bare LF after a chunk size": CHUNKED + b"1\na\r\n" + LAST,
    "bare LF after a chunk": CHUNKED + b"1\r\na\n" + LAST,
    "chunk longer than its size": CHUNKED + b"1\r\nab\r\n" + LAST,
    "nothing after a chunk": CHUNKED + b"1\r\na" + LAST,
    "space before a chunk size": CHUNKED + b" 1\r\na\r\n" + LAST,
    "bare LF in a chunk extension": CHUNKED + b"1;x\n\r\na\r\n" + LAST,
    "bare LF in the last chunk's extension": CHUNKED + b"0;\n\r\n\r\n",
    "trailer without a colon": CHUNKED + b"0\r\nX y\r\n\r\n",
    # WebSockets
    "WebSocket with a body": POST + b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc",
    "WebSocket without a key": GET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
}

VALID = {
    "no body": GET + b"\r\n",
    "HTTP/1.0 without Host": b"GET / HTTP/1.0\r\n\r\n",
    "a body with GET": GET + b"Content-Length: 3\r\n\r\nabc",
    "empty Host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "absolute form": b"GET http://a/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "chunk extension": CHUNKED + b"3;x=y\r\nabc\r\n" + LAST,
    "chunk size with leading zeros": CHUNKED + b"0003\r\nabc\r\n00\r\n\r\n",
    "trailers": CHUNKED + b"3\r\nabc\r\n0\r\nX: y\r\n\r\n",
    "upgrade to HTTP/2": GET + b"Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
    "upgrade to HTTP/2 with a body": POST + H2C + b"Content-Length: 3\r\n\r\nabc",
    "upgrade to HTTP/2 with chunks": POST + H2C + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" + LAST,
    "upgrade to what nobody knows": GET + b"Connection: upgrade\r\nUpgrade: x/1, websocket\r\n\r\n",
    "upgrade to TLS with a body": POST + b"Connection: upgrade\r\nUpgrade: TLS/1.0\r\nContent-Length: 3\r\n\r\nabc",
    "upgrade to a WebSocket in HTTP/1.0": b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "white space around Host": b"GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n",
    "white space around a length": POST + b"Content-Length: \t 3 \t\r\n\r\nabc",
    "white space around a coding": POST + b"Transfer-Encoding: \t chunked \r\n\r\n3\r\nabc\r\n" + LAST,
    "Expect of another kind": POST + b"Expect: x\r\nContent-Length: 3\r\n\r\nabc",
}

TOLERATED = {
    "httptools": {
        "empty lines before": b"\r\n\r\n" + GET + b"\r\n",
        "two spaces in the request line": b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",
        "another protocol with the same grammar": b"GET / RTSP/1.1\r\n" + HOST + b"\r\n",
    },
    "h11": {
        "folded line, joined by a space": GET + b"X: a\r\n b\r\n\r\n",
        "control character in a value": GET + b"X: a\x01b\r\n\r\n",
        "the same length twice": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "list of equal lengths": POST + b"Content-Length: 3, 3\r\n\r\nabc",
        "space after a chunk size": CHUNKED + b"3 \r\nabc\r\n" + LAST,
        "CR and NUL in a chunk extension": CHUNKED + b"3;\r\0\r\nabc\r\n" + LAST,
        "bare LF after a trailer": CHUNKED + b"3\r\nabc\r\n0\r\nX: y\n\r\n",
        "a method that nobody knows": b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n",
    },
}


async def statuses(server: Running, request: bytes) -> list[int]:
    """Of all that comes until the connection is closed."""
    client = await server.connect()
    client.send(request)
    received = await client.rest()
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", received)]


async def test_what_must_be_refused_is_refused(parser: str) -> None:
    app = Recorder()
    wrong = {}
    async with serving(app, parser, header_timeout=0.2, body_timeout=0.2, keep_alive_timeout=0.2) as server:
        for name, request in REFUSED.items():
            app.whole.clear()
            answers = await statuses(server, request)
            if app.whole or len(answers) != 1 or not (400 <= answers[0] < 500 or answers[0] in (501, 505)):
                wrong[name] = answers, list(app.whole)
    assert wrong == {}


async def test_a_bad_request_after_a_good_one_is_not_served(parser: str) -> None:
    app = Recorder()
    wrong = {}
    async with serving(app, parser, header_timeout=0.2, body_timeout=0.2, keep_alive_timeout=0.2) as server:
        for name, request in REFUSED.items():
            app.whole.clear()
            client = await server.connect()
            client.send(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            first: Answer = await client.answer()
            client.send(request)
            await client.rest()
            if first.body != b"abc" or app.whole != [("POST", "/1", b"abc")]:
                wrong[name] = list(app.whole)
    assert wrong == {}


async def test_what_is_valid_is_served(parser: str) -> None:
    app = Recorder()
    wrong = {}
    async with serving(app, parser) as server:
        for name, request in VALID.items():
            app.whole.clear()
            client = await server.connect()
            client.send(request)
            answer = await client.answer()
            if answer.status != 200 or [(path, body) for _, path, body in app.whole] != [("/", answer.body)]:
                wrong[name] = answer, list(app.whole)
    assert wrong == {}


async def test_what_a_parser_tolerates_is_one_request_and_no_more(parser: str) -> None:
    app = Recorder()
    wrong = {}
    async with serving(app, parser) as server:
        for name, request in TOLERATED[parser].items():
            app.whole.clear()
            client = await server.connect()
            client.send(request)
            first = await client.answer()
            client.get(b"/next")
            second = await client.answer()
            paths = [path for _, path, _ in app.whole]
            if (first.status, second.status) != (200, 200) or paths != ["/", "/next"]:
                wrong[name] = first, second, paths
    assert wrong == {}


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
async def test_a_body_with_an_upgrade_is_served_and_never_taken_for_a_request(parser: str, framing: str) -> None:
    app = Recorder()
    inner = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
    length = b"Content-Length: %d\r\n\r\n%b" % (len(inner), inner)
    chunks = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
    request = POST + H2C + (length if framing == "content-length" else chunks)
    async with serving(app, parser) as server:
        for cut in range(1, len(request), 7):
            app.whole.clear()
            client = await server.connect()
            await eventually(lambda: len(connections(server)) == 1)
            (connection,) = connections(server)
            for piece in (request[:cut], request[cut:] + GET + b"\r\n"):
                connection.data_received(piece)
            assert [(await client.answer()).body for _ in range(2)] == [inner, b""]
            assert app.whole == [("POST", "/", inner), ("GET", "/", b"")]
            await client.close()
            await eventually(lambda: not server.connections)


# Order: what came before bad bytes is answered before them


BAD_TAILS = {
    "no HTTP": (b"garbage\r\n\r\n", 400),
    "a bad head": (GET + b"Host : a\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "a long target": (b"GET /" + b"a" * 300 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a large head": (GET + b"X: " + b"a" * 1000 + b"\r\n\r\n", 431),
    "many headers": (GET + b"X: 1\r\n" * 20 + b"\r\n", 431),
    "another version": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "another coding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "a bad chunk": (CHUNKED + b"x\r\n", 400),
    "a head that does not end": (b"GET / HT", 408),
    "a body that does not end": (POST + b"Content-Length: 10\r\n\r\nabc", 408),
}
ORDER_LIMITS: dict[str, Any] = {"max_target_length": 200, "max_header_bytes": 900, "max_header_count": 10}


class Slow(Recorder):
    """Answers when it is released; keeps how many requests it saw the end of."""

    def __init__(self) -> None:
        super().__init__()
        self.release = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await self.read(receive)
        if body is None:
            return
        await self.release.wait()
        self.whole.append((scope["method"], scope["path"], body))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x" * 50_000, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize("good", [1, 3])
@pytest.mark.parametrize(("tail", "status"), BAD_TAILS.values(), ids=BAD_TAILS.keys())
async def test_answers_leave_in_order_whatever_follows(parser: str, good: int, tail: bytes, status: int) -> None:
    app = Slow()
    timeout = 0.2 if status == 408 else 5
    stream = b"".join(POST + b"Content-Length: 1\r\n\r\n%d" % number for number in range(good)) + tail
    async with serving(app, parser, header_timeout=timeout, body_timeout=timeout, **ORDER_LIMITS) as server:
        client = await server.connect()
        client.send(stream)
        await eventually(lambda: any(connection.reads for connection in connections(server)))
        app.release.set()
        answers = [await client.answer() for _ in range(good + 1)]
        assert await client.rest() == b""
    assert [answer.status for answer in answers] == [200] * good + [status]
    assert [answer.body[-1:] for answer in answers[:-1]] == [b"%d" % number for number in range(good)]
    assert [body for _, _, body in app.whole] == [b"%d" % number for number in range(good)]
    assert not app.disconnected.is_set() or tail.startswith(POST)


@pytest.mark.parametrize("name", ["no HTTP", "a bad head", "a large head", "a bad chunk"])
async def test_answers_leave_in_order_however_the_bytes_are_cut(parser: str, name: str) -> None:
    app = Slow()
    app.release.set()
    tail, status = BAD_TAILS[name]
    stream = POST + b"Content-Length: 1\r\n\r\n0" + GET + b"\r\n" + tail
    async with serving(app, parser, **ORDER_LIMITS) as server:
        cuts = [[stream[:cut], stream[cut:]] for cut in range(1, min(len(stream), 150), 3)]
        for pieces in [*cuts, [bytes((byte,)) for byte in stream]]:
            client = await server.connect()
            await eventually(lambda: len(connections(server)) == 1)
            (connection,) = connections(server)
            for piece in pieces:
                connection.data_received(piece)
            assert [(await client.answer()).status for _ in range(3)] == [200, 200, status]
            assert await client.rest() == b""
            await client.close()
            await eventually(lambda: not connections(server))
    assert not app.disconnected.is_set() or tail.startswith(POST)


async def test_nothing_is_answered_behind_the_last_request(parser: str) -> None:
    app = Recorder()
    async with serving(app, parser) as server:
        client = await server.connect()
        client.send(GET + b"Connection: close\r\n\r\n" + GET + b"\r\ngarbage\r\n\r\n")
        assert (await client.answer()).status == 200
        assert await client.rest() == b""
    assert len(app.whole) == 1


# HTTP/1.0


@pytest.mark.parametrize("headers", [b"", b"Connection: keep-alive\r\n"], ids=["plain", "keep-alive"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
async def test_a_response_to_http_1_0_has_no_chunks_and_ends_with_the_connection(
    parser: str, method: bytes, headers: bytes
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-test", b"1")]})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two", "more_body": False})

    async with serving(app, parser) as server:
        client = await server.connect()
        client.send(method + b" / HTTP/1.0\r\n" + headers + b"\r\n")
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body == (b"" if method == b"HEAD" else b"one two")


async def test_a_response_to_http_1_0_keeps_to_its_length(parser: str) -> None:
    async with serving(Recorder(), parser) as server:
        client = await server.connect()
        client.send(b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc")
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
    assert b"content-length: 3" in head.lower()
    assert body == b"abc"


async def test_http_1_0_gets_no_interim_response(parser: str) -> None:
    async with serving(Recorder(), parser) as server:
        client = await server.connect()
        client.send(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc")
        assert (await client.rest()).startswith(b"HTTP/1.1 200 ")


def connections(server: Running) -> list[Any]:
    """The server's protocols of all open connections."""
    return list(server.server.server_state.connections)
