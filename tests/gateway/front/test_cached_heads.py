"""Heads that come again: what is remembered of them changes nothing that anybody sees."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mattermost_plugin.types import Receive, Scope, Send
from servehttp.identity import UNKNOWN, Cached, Caller
from support.client import Client, connect
from support.fronts import Stage, front
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

PATH = "/plugins/p/x"
HEADERS = [("Accept", "*/*"), ("Cookie", "session=" + "c" * 100)]


async def describe(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it sees, and writes into its scope."""
    seen = {
        "path": scope["path"],
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "id": scope["extensions"]["servehttp.request_id"]["id"],
    }
    scope["headers"].append((b"mine", b"alone"))
    await JSONResponse(seen)(scope, receive, send)


async def seen(client: Client, target: str = PATH, headers: list[tuple[str, str]] | None = None) -> dict[str, str]:
    """The headers of a request, and its id under "id"."""
    answer = await client.request("GET", target, HEADERS if headers is None else headers)
    assert answer.status == 200
    found = json.loads(answer.body)
    assert found["path"] == target.partition("?")[0]
    assert answer.header("x-request-id") == found["id"]
    return {**dict(found["headers"]), "id": found["id"]}


async def test_requests_with_the_same_headers_are_seen_with_them_and_an_id_of_their_own(tmp_path: Path) -> None:
    async with front(describe, tmp_path, direct=True) as stage, connect(stage.port) as client:
        found = [await seen(client, f"{PATH}{number}") for number in range(4)]
    ids = [headers.pop("id") for headers in found]
    assert len(set(ids)) == 4
    assert found == [{"host": "test", "accept": "*/*", "cookie": "session=" + "c" * 100}] * 4


async def test_a_header_that_changes_on_a_connection_changes_what_the_plugin_sees(tmp_path: Path) -> None:
    async with front(describe, tmp_path, direct=True) as stage, connect(stage.port) as client:
        for number in range(4):
            found = await seen(client, headers=[*HEADERS, ("X-Number", str(number // 2))])
            assert found["x-number"] == str(number // 2)
        assert "x-number" not in await seen(client)


async def test_a_request_id_of_the_clients_own_stays_with_the_request_it_came_with(tmp_path: Path) -> None:
    async with front(describe, tmp_path, direct=True) as stage, connect(stage.port) as client:
        for _ in range(2):
            found = await seen(client, headers=[("X-Request-Id", "mine")])
            assert (found["x-request-id"], found["id"]) == ("mine", "mine")
        found = await seen(client, headers=[])
        assert "x-request-id" not in found
        assert found["id"] != "mine"


async def test_what_one_application_does_to_its_scope_nobody_else_sees(tmp_path: Path) -> None:
    async with front(describe, tmp_path, direct=True) as stage, connect(stage.port) as client:
        for _ in range(3):
            assert "mine" not in await seen(client)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /plugins/p/" + b"x" * 8192 + b" HTTP/1.1", 414),
        (b"GET /plugins/p/a#b HTTP/1.1", 400),
        (b"CONNECT a:443 HTTP/1.1", 501),
        (b"GET http://elsewhere/plugins/p/ HTTP/1.1", 400),
        (b"GET /plugins/p/%2e%2e/ HTTP/1.1", 400),
        (b"GET /plugins/q/ HTTP/1.1", 404),
        (b"GET /plugins/p HTTP/1.1", 307),
        (b"GET /livez HTTP/1.1", 200),
    ],
)
async def test_headers_that_passed_once_excuse_no_other_target(tmp_path: Path, line: bytes, status: int) -> None:
    head = b"\r\nHost: test\r\nAccept: */*\r\n\r\n"
    async with front(describe, tmp_path, direct=True) as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        async with asyncio.timeout(PATIENCE):
            writer.write(b"GET /plugins/p/first HTTP/1.1" + head)
            assert (await reader.readuntil(b"\r\n")).split()[1] == b"200"
            await reader.readuntil(b"}")
            writer.write(line + head)
            first = await reader.readuntil(b"\r\n")
        writer.close()
    assert int(first[first.index(b"HTTP/1.1 ") + 9 :].split()[0]) == status


async def test_the_size_of_the_headers_counts_for_every_target(tmp_path: Path) -> None:
    headers = [(f"X-{number}", "v" * 6000) for number in range(10)]
    async with front(describe, tmp_path, direct=True) as stage, connect(stage.port) as client:
        assert (await client.request("GET", PATH, headers)).status == 200
        assert (await client.request("GET", "/plugins/p/" + "x" * 7000, headers)).status == 431


async def test_a_body_after_the_same_headers_is_a_body(tmp_path: Path) -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        await Response(body)(scope, receive, send)

    async with front(echo, tmp_path, direct=True) as stage, connect(stage.port) as client:
        for body in (b"", b"abc", b"", b"de"):
            assert (await client.request("POST", PATH, [], body)).body == body


async def test_a_response_head_that_comes_again_is_dated_and_numbered_anew(tmp_path: Path) -> None:
    async def same(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b"ok")(scope, receive, send)

    async with front(same, tmp_path, direct=True) as stage, connect(stage.port) as client:
        answers = [await client.request("GET", PATH) for _ in range(3)]
    assert len({answer.header("x-request-id") for answer in answers}) == 3
    assert all(answer.header("date") and answer.header("content-length") == "2" for answer in answers)


# Used and fresh connections

ID = re.compile(rb"[0-9a-f]{20}")
DATE = re.compile(rb"date: [^\r]*")

ODD_BYTES = st.sampled_from(list(b"ab/.%2e?#\t\x7f\xff "))
TAILS = st.lists(ODD_BYTES, max_size=8).map(bytes)
ELSEWHERE = [
    b"/plugins/p",
    b"/plugins/p?a",
    b"/plugins/pp/",
    b"/plugins/q/",
    b"/livez",
    b"http://test/plugins/p/",
    b"*",
]
TARGETS = TAILS.map(lambda tail: b"/plugins/p/" + tail) | st.sampled_from(ELSEWHERE)
METHODS = st.sampled_from([b"GET", b"DELETE", b"OPTIONS"])
FIELDS = st.sampled_from([b"", b"Accept: */*\r\n", b"Accept: */*\r\nX-Request-Id: mine\r\n", b"Connection: close\r\n"])


class Wire:
    """A connection that is opened when it is first used, and again when it has ended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, head: bytes) -> tuple[bytes, bytes]:
        """Head and body of the answer, without what is another for each request."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(head)
        async with asyncio.timeout(PATIENCE):
            answer = await reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"content-length: (\d+)", answer)
            assert found, answer
            body = await reader.readexactly(int(found[1]))
        if b"connection: close" in answer:
            await self.close()
        return ID.sub(b"", DATE.sub(b"", answer)), ID.sub(b"", body)

    async def close(self) -> None:
        if self._streams is not None:
            writer = self._streams[1]
            self._streams = None
            writer.close()
            await writer.wait_closed()


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with front(describe, tmp_path_factory.mktemp("front"), direct=True) as stage:
        yield stage


@given(requests=st.lists(st.tuples(METHODS, st.lists(TARGETS, min_size=2, max_size=5), FIELDS), min_size=1, max_size=3))
async def test_a_used_connection_answers_as_a_fresh_one(
    stage: Stage, requests: list[tuple[bytes, list[bytes], bytes]]
) -> None:
    used = Wire(stage.port)
    for method, targets, fields in requests:
        for target in targets:
            head = method + b" " + target + b" HTTP/1.1\r\nHost: test\r\n" + fields + b"\r\n"
            fresh = Wire(stage.port)
            assert await used.ask(head) == await fresh.ask(head), head
            await fresh.close()
    await used.close()


# Tokens

GOOD, STRANGE = "g" * 26, "s" * 26


class Tokens:
    """Knows a good token after the first look, and that another one is nobody's."""

    trouble = None

    def __init__(self) -> None:
        self.looked: list[str] = []

    def cached(self, token: str) -> Cached:
        if len(token) != 26:
            return None
        return self._caller(token) if token in self.looked else UNKNOWN

    async def lookup(self, token: str) -> Caller | None:
        self.looked.append(token)
        return self._caller(token)

    async def manages(self, user_id: str) -> bool:
        return False

    def _caller(self, token: str) -> Caller | None:
        return Caller("ada") if token == GOOD else None


async def test_whose_a_token_is_holds_for_each_request_of_a_connection(tmp_path: Path) -> None:
    tokens = Tokens()
    own = {"authorization": "Bearer my.own.jwt", "cookie": "flag; MMAUTHTOKEN=theirs"}
    heads = {
        "own": [("Authorization", own["authorization"]), ("Cookie", own["cookie"])],
        "strange": [("Authorization", f"Bearer {STRANGE}")],
        "good": [("Authorization", f"Bearer {GOOD}"), ("Cookie", "flag"), ("Referer", "http://test/")],
    }
    expected = {
        "own": own,
        "strange": {"authorization": f"Bearer {STRANGE}"},
        "good": {"cookie": "flag", "mattermost-user-id": "ada"},
    }
    async with front(describe, tmp_path, direct=True, identity=tokens) as stage, connect(stage.port) as client:
        for name in ("own", "own", "strange", "strange", "strange", "good", "good", "good", "own", "good", "strange"):
            found = await seen(client, headers=heads[name])
            del found["id"]
            assert found == {"host": "test"} | expected[name]
    assert tokens.looked == [STRANGE, GOOD]
