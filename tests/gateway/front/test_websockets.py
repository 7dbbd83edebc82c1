"""WebSockets through the front, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from mattermost_plugin.types import Receive, Scope, Send
from servehttp.settings.kinds import HttpParser
from support.fronts import Stage, front
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

Play = Callable[..., AbstractAsyncContextManager[Stage]]

SOON = PATIENCE


@pytest.fixture(params=["uvicorn", "ASGI path", "fast path"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """By uvicorn's own server, and by ours on both paths."""
    parser: HttpParser | None = None if request.param == "uvicorn" else "httptools"
    return partial(front, folder=tmp_path, transport="tunnel", parser=parser, direct=request.param == "fast path")


def url(stage: Stage, plugin: str = "p") -> str:
    return f"ws://127.0.0.1:{stage.port}/plugins/{plugin}/ws"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send(
        {
            "type": "websocket.accept",
            "subprotocol": (scope["subprotocols"] or [None])[0],
            "headers": [(b"x-path", scope["path"].encode())],
        }
    )
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"], "bytes": event["bytes"]})


async def test_text_and_binary_come_back(play: Play) -> None:
    async with play(echo) as stage, connect(url(stage), subprotocols=[Subprotocol("chat")]) as ws:
        assert ws.subprotocol == "chat"
        assert ws.response is not None
        assert ws.response.headers["x-path"] == "/plugins/p/ws"
        for message in ("text", b"binary", "", b"", "ü" * 1000):
            await ws.send(message)
            assert await ws.recv() == message


async def test_a_message_larger_than_any_window_arrives_whole(play: Play) -> None:
    message = bytes(range(256)) * 4 * 5000
    async with play(echo) as stage, connect(url(stage), max_size=None) as ws:
        await ws.send(message)
        assert await ws.recv() == message


async def test_the_applications_close_reaches_the_client(play: Play) -> None:
    async def bye(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4001, "reason": "enough"})

    async with play(bye) as stage, connect(url(stage)) as ws:
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "enough")


async def test_the_clients_close_reaches_the_application(play: Play) -> None:
    seen: asyncio.Queue[int] = asyncio.Queue()

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        seen.put_nowait((await receive())["code"])

    async with play(watch) as stage, connect(url(stage)) as ws:
        await ws.close(4002, "bye")
        assert await asyncio.wait_for(seen.get(), SOON) == 4002


async def test_a_client_that_vanishes_is_seen(play: Play) -> None:
    seen: asyncio.Queue[int] = asyncio.Queue()

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        seen.put_nowait((await receive())["code"])

    async with play(watch) as stage, connect(url(stage)) as ws:
        ws.transport.abort()
        assert await asyncio.wait_for(seen.get(), PATIENCE) in (1005, 1006)


async def test_an_application_may_refuse(play: Play) -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-why", b"because")]})
        await send({"type": "websocket.http.response.body", "body": b"who are you?"})

    async with play(refuse) as stage:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url(stage)):
                pass
    assert refused.value.response.status_code == 401
    assert refused.value.response.headers["x-why"] == "because"
    assert refused.value.response.body == b"who are you?"


async def test_an_application_that_fails_closes_with_1011(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise RuntimeError("in the middle")

    async with play(fail) as stage, connect(url(stage)) as ws:
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011
    assert "in the middle" in caplog.text


async def test_a_plugin_that_is_stopped_closes_with_1012(play: Play) -> None:
    async with play(echo) as stage, connect(url(stage)) as ws:
        await stage.plugin.stop(None)
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


async def test_a_plugin_that_never_answers_the_handshake_is_a_504(play: Play) -> None:
    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async with play(hang, first_byte_timeout=0.2) as stage:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url(stage)):
                pass
    assert refused.value.response.status_code == 504


async def test_a_plugin_without_the_tunnel_has_no_websockets(tmp_path: Path) -> None:
    async with front(echo, tmp_path, "servehttp") as stage:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url(stage)):
                pass
    assert refused.value.response.status_code == 501


async def test_an_unknown_plugin_is_a_404(play: Play) -> None:
    async with play(echo) as stage:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url(stage, "q")):
                pass
    assert refused.value.response.status_code == 404
