"""A database that is away, seen by clients: nobody who sent a token is served as if they had sent none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from servehttp.identity import UNKNOWN, Cached, Caller, IdentityUnavailable
from support.client import connect
from support.fronts import front
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

TOKEN = "a" * 26
WAYS = [
    ([("Authorization", f"Bearer {TOKEN}")], ""),
    ([("Authorization", f"Token {TOKEN}")], ""),
    ([("Cookie", f"theme=dark; MMAUTHTOKEN={TOKEN}")], ""),
    ([], f"?access_token={TOKEN}"),
]


class Away:
    """Knows nothing and cannot look, unless a token cannot be one."""

    def cached(self, token: str) -> Cached:
        return UNKNOWN if token == TOKEN else None

    async def lookup(self, token: str) -> Caller | None:
        raise IdentityUnavailable

    trouble: str | None = None

    async def manages(self, user_id: str) -> bool:
        raise IdentityUnavailable


async def who(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.headers.get("Mattermost-User-Id", "nobody"))


async def greet(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


APP = Starlette(routes=[Route("/who", who, methods=["GET", "POST"]), WebSocketRoute("/ws", greet)])


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize(("headers", "query"), WAYS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_token_that_cannot_be_looked_up_is_answered_with_503(
    tmp_path: Path, direct: bool, headers: list[tuple[str, str]], query: str, method: str
) -> None:
    async with front(APP, tmp_path, direct=direct, identity=Away()) as stage, connect(stage.port) as client:
        answer = await client.request(method, f"/plugins/p/who{query}", headers)
        assert (answer.status, answer.header("retry-after")) == (503, "1")
        assert TOKEN.encode() not in answer.body
        assert (await client.request(method, "/plugins/p/who", [])).body == b"nobody"


@pytest.mark.parametrize("direct", [True, False])
async def test_a_token_that_cannot_be_one_of_ours_needs_no_look(tmp_path: Path, direct: bool) -> None:
    async with front(APP, tmp_path, direct=direct, identity=Away()) as stage, connect(stage.port) as client:
        answer = await client.request("GET", "/plugins/p/who", [("Authorization", "Bearer my.jwt")])
        assert (answer.status, answer.body) == (200, b"nobody")


@pytest.mark.parametrize("direct", [True, False])
async def test_a_websocket_whose_sender_cannot_be_found_out_is_refused(tmp_path: Path, direct: bool) -> None:
    head = (
        "GET /plugins/p/ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Cookie: MMAUTHTOKEN={TOKEN}\r\n\r\n"
    )
    async with front(APP, tmp_path, direct=direct, identity=Away()) as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(head.encode())
        async with asyncio.timeout(PATIENCE):
            answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in answer.lower()
