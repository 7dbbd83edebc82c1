"""The scope that an application gets through the gateway, beside the one that uvicorn gives it for the same bytes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from mattermost_plugin.asgi.scope import STOPPING_EXTENSION
from mattermost_plugin.headers import HOP_BY_HOP
from mattermost_plugin.request_id import EXTENSION
from mattermost_plugin.types import Receive, Scope, Send
from support.fronts import front
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

ROOT = b"/plugins/p"
HANDSHAKE = (
    b"Host: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
HEADS = {
    "plain": b"GET {}/a HTTP/1.1\r\nHost: test\r\n\r\n",
    "query": b"DELETE {}/a%20b/%C3%A9?c=d&e=%20&&f HTTP/1.1\r\nHost: test:80\r\n\r\n",
    "headers": (
        b"GET {}/ HTTP/1.1\r\nhost: test\r\nX-Two: b\r\naCCept:*/*\r\nX-One:  padded \t\r\nX-Two: a\r\nX-Empty:\r\n"
        b"X-Latin: \xe9\r\nCookie: flag; a=b;c ; d=\r\nX_Under-Score: 1\r\nReferer: http://test/\r\n\r\n"
    ),
    "tokens": (
        b"GET {}/?access_token=own HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer my.jwt\r\n"
        b"Cookie: MMAUTHTOKEN=theirs\r\n\r\n"
    ),
    "request id": b"GET {}/ HTTP/1.1\r\nHost: test\r\nX-Request-Id: mine\r\nX-Request-Id: and mine\r\n\r\n",
    "length": b"POST {}/ HTTP/1.1\r\nHost: test\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nab",
    "chunked": b"PUT {}/ HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "close": b"OPTIONS {}/ HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
    "old": b"GET {}/ HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n",
    "websocket": b"GET {}/ws?a=b HTTP/1.1\r\n" + HANDSHAKE + b"\r\n",
    "subprotocols": (
        b"GET {}/ws HTTP/1.1\r\n" + HANDSHAKE + b"Sec-WebSocket-Protocol: one, two\r\nOrigin: http://test\r\n"
        b"X-Two: b\r\nX-Two: a\r\nCookie: flag\r\nX-Request-Id: mine\r\n\r\n"
    ),
}


class Keeper:
    """An application that keeps the scope it got, and answers."""

    def __init__(self) -> None:
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = {**scope, "headers": list(scope["headers"])}
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close"})
        else:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})


async def ask(port: int, head: bytes) -> tuple[str, int]:
    """Send the bytes, and wait for the head of an answer; returns the address that they came from."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    async with asyncio.timeout(PATIENCE):
        assert (await reader.readuntil(b"\r\n\r\n")).split()[1] in (b"101", b"204")
    address: tuple[str, int] = writer.get_extra_info("sockname")
    writer.close()
    return address


@asynccontextmanager
async def plain_uvicorn(app: Keeper) -> AsyncIterator[int]:
    """uvicorn alone, mounted where the plugin is."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", proxy_headers=False, ws="websockets-sansio", root_path=ROOT.decode()
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


def less_what_must_not_pass(scope: Scope) -> Scope:
    """What is uvicorn's own: hop-by-hop fields, which are the gateway's, but for those of a WebSocket's handshake.

    And white space behind values, which is no part of them (RFC 9112 §5.1), and which httptools leaves there.
    """
    if scope["type"] == "websocket":
        return by_name(scope)
    fields = [(name, value.rstrip(b" \t")) for name, value in scope["headers"] if name not in HOP_BY_HOP]
    return {**scope, "headers": fields}


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("name", HEADS)
async def test_an_application_sees_what_uvicorn_would_show_it(tmp_path: Path, direct: bool, name: str) -> None:
    behind, alone = Keeper(), Keeper()
    async with front(behind, tmp_path, direct=direct, parser="httptools") as stage, plain_uvicorn(alone) as port:
        came_from = await ask(stage.port, HEADS[name].replace(b"{}", ROOT))
        alone_from = await ask(port, HEADS[name].replace(b"{}", b""))
        expected, found = less_what_must_not_pass(alone.scope), dict(behind.scope)
        assert (found.pop("client"), found.pop("server")) == (came_from, ("127.0.0.1", stage.port))
        assert (expected.pop("client"), expected.pop("server")) == (alone_from, ("127.0.0.1", port))
    if found["type"] == "websocket":
        found = by_name(found)
    assert found.pop("asgi")["version"] == expected.pop("asgi")["version"]
    assert without_own(found.pop("extensions")) == (expected.pop("extensions", None) or {})
    assert found == expected


def by_name(scope: Scope) -> dict[str, Any]:
    """With its headers in the order of their names, where those of different names need not keep to theirs."""
    return {**scope, "headers": sorted(scope["headers"], key=lambda header: header[0])}


def without_own(extensions: Mapping[str, object]) -> dict[str, object]:
    """What is not ours of a scope's extensions."""
    own = {EXTENSION, STOPPING_EXTENSION}
    assert own <= extensions.keys()
    return {name: value for name, value in extensions.items() if name not in own}
