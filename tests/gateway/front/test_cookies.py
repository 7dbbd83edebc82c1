"""Cookies that plugins set: for whose requests browsers are told to send them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.types import Receive, Scope, Send
from servehttp.front.cookies import own_cookie
from servehttp.plugins.link import TransportName
from support.client import connect, fetch
from support.fronts import Handle, front
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

ROOT = b"/plugins/p"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (b"a=b; Path=/", b"a=b; Path=/plugins/p/"),
        (b"a=b", b"a=b; Path=/plugins/p/"),
        (b"a=b; path=", b"a=b; Path=/plugins/p/"),
        (b"a=b; Path", b"a=b; Path=/plugins/p/"),
        (b"a=b; Path=relative", b"a=b; Path=/plugins/p/"),
        (
            b"a=; Max-Age=0; PATH = / ; HttpOnly; SameSite=Lax",
            b"a=; Max-Age=0; HttpOnly; SameSite=Lax; Path=/plugins/p/",
        ),
        (b"a=b; Path=/; Domain=example.com; Secure", b"a=b; Secure; Path=/plugins/p/"),
        (b"a=b; domain=example.com", b"a=b; Path=/plugins/p/"),
        (b"a=b; Path=/admin", b"a=b; Path=/plugins/p/admin"),
        (b"a=b; Path=/plugins", b"a=b; Path=/plugins/p/plugins"),
        (b"a=b; Path=/plugins/pp/", b"a=b; Path=/plugins/p/plugins/pp/"),
        (b"a=b; Path=/plugins/p/x; Path=/", b"a=b; Path=/plugins/p/"),
        (b"a=b; Path=/; Path=/plugins/p/x", b"a=b; Path=/plugins/p/x"),
        (b"a=b; Path=/plugins/p/x; Domain=x", b"a=b; Path=/plugins/p/x"),
        (b"__Secure-a=b; Secure; Path=/", b"__Secure-a=b; Secure; Path=/plugins/p/"),
    ],
)
def test_a_cookie_is_set_for_its_plugin(given: bytes, told: bytes) -> None:
    assert own_cookie(given, ROOT) == told


@pytest.mark.parametrize(
    "cookie",
    [
        b"a=b; Path=/plugins/p",
        b"a=b; path=/plugins/p/",
        b"a=b;Path=/plugins/p/x/y ;Secure",
        b"__Host-a=b; Secure; Path=/",
        b" __host-a=b; Secure; Path=/",
    ],
)
def test_a_cookie_that_is_for_its_plugin_or_can_be_for_nobody_alone_stays(cookie: bytes) -> None:
    assert own_cookie(cookie, ROOT) == cookie


@given(
    st.lists(st.sampled_from([b"a=b", b"Path=/", b"Path=/x", b"path=/plugins/p/y", b"Domain=d", b" ", b""]), min_size=1)
)
def test_every_cookie_ends_up_below_its_plugin_and_stays_there(parts: list[bytes]) -> None:
    told = own_cookie(b"n=v;" + b";".join(parts), ROOT)
    names = [part.partition(b"=")[0].strip().lower() for part in told.split(b";")]
    assert names.count(b"path") == 1
    assert b"domain" not in names
    assert told.lower().partition(b"path=")[2].startswith(ROOT + b"/")
    assert own_cookie(told, ROOT) == told


async def two_cookies(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"set-cookie", b"session=1; Path=/"), (b"x-other", b"Path=/"), (b"set-cookie", b"theme=dark")]
    if scope["type"] == "websocket":
        if scope["path"].endswith("/refused"):
            await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        await receive()
        await send({"type": "websocket.accept", "headers": headers})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [*headers, (b"content-length", b"0")]})
    await send({"type": "http.response.body"})


WAYS = pytest.mark.parametrize(("direct", "transport"), [(True, "tunnel"), (False, "tunnel"), (False, "servehttp")])


@WAYS
async def test_plugins_that_answer_alike_get_cookies_of_their_own(
    tmp_path: Path, direct: bool, transport: TransportName
) -> None:
    async with (
        front(two_cookies, tmp_path, transport, direct=direct) as stage,
        connect(stage.port) as client,
    ):
        stage.plugins.handles["qq"] = Handle(stage.handle.link, id="qq")
        for plugin in ("p", "qq", "p", "p", "qq"):  # the same bytes from the plugin each time
            answer = await client.request("GET", f"/plugins/{plugin}/x")
            assert [value for name, value in answer.headers if name == b"set-cookie"] == [
                f"session=1; Path=/plugins/{plugin}/".encode(),
                f"theme=dark; Path=/plugins/{plugin}/".encode(),
            ]
            assert answer.header("x-other") == "Path=/"


@WAYS
async def test_a_plugin_may_be_trusted_with_the_cookies_of_the_origin(
    tmp_path: Path, direct: bool, transport: TransportName
) -> None:
    async with front(two_cookies, tmp_path, transport, direct=direct, origin_cookies=("p",)) as stage:
        answer = await fetch(stage.port, "/plugins/p/x")
        assert [value for name, value in answer.headers if name == b"set-cookie"] == [
            b"session=1; Path=/",
            b"theme=dark",
        ]


@pytest.mark.parametrize("path", [b"ws", b"refused"])
@pytest.mark.parametrize("direct", [True, False])
async def test_the_answer_to_a_websocket_sets_cookies_of_the_plugins_own_too(
    tmp_path: Path, direct: bool, path: bytes
) -> None:
    async with front(two_cookies, tmp_path, direct=direct) as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(
            b"GET /plugins/p/" + path + b" HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert b"session=1; Path=/plugins/p/\r\n" in head
    assert b"theme=dark; Path=/plugins/p/\r\n" in head
