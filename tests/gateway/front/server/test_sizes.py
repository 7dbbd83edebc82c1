"""Heads, targets and trailers that are too large, and what is within the limits."""

from __future__ import annotations

import pytest

from support.front_server import CHUNKED, HEAD, Client, Recorder, serving

pytestmark = pytest.mark.anyio


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
