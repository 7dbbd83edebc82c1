"""A socket.io application behind a real gateway: clients come by WebSocket at once, or change to it from polling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import socketio

from support.gateway import Gateway, running
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

ID = "com.example.socketio"
PROGRAM = """
import socketio
from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.asgi import strip_prefix

server = socketio.AsyncServer(async_mode="asgi")


@server.event
async def shout(sid, text):
    return text.upper()


class Shouting(Plugin):
    app = strip_prefix(socketio.ASGIApp(server))


run_plugin(Shouting)
"""


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("socketio")
    (folder / "plugin.json").write_text(
        f'{{"id": "{ID}", "server": {{"runtime": "python", "executable": "plugin.py"}}}}'
    )
    (folder / "plugin.py").write_text(PROGRAM)
    async with running(folder) as gateway:
        yield gateway


@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]])
async def test_a_socketio_client_connects_and_is_answered(gateway: Gateway, transports: list[str]) -> None:
    async with asyncio.timeout(PATIENCE), socketio.AsyncSimpleClient() as client:
        await client.connect(
            f"http://127.0.0.1:{gateway.port}", transports=transports, socketio_path=f"plugins/{ID}/socket.io"
        )
        assert client.transport == "websocket"
        assert await client.call("shout", "hello") == "HELLO"
