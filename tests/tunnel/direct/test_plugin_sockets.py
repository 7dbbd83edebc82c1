"""The socket beside a plugin's own."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from mattermost_plugin import Plugin
from mattermost_plugin.handshake import Handshake, tunnel_socket
from mattermost_plugin.tunnel import rpc
from mattermost_plugin.tunnel.direct import connect
from servehttp.plugins.link import Link
from support.direct_calls import Heard, listener
from support.patience import PATIENCE
from support.plugin_host import serving
from support.tunnels import hello

pytestmark = pytest.mark.anyio


async def test_the_socket_beside_is_the_owners_alone_and_gone_after_the_stop(tmp_path: Path) -> None:
    address = Handshake("unix", str(tmp_path / "s"))
    path = tunnel_socket(address.target)
    assert path is not None
    async with serving(Plugin(), address=address) as (server, _):
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == stat.S_IRWXU
        stream = await connect(path, rpc.CONNECT)
        stream.send(hello().SerializeToString())
        running = asyncio.create_task(stream.run(Heard()))
        await server.stop(0)
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait((running,))
        assert running.exception() is None
        await stream.close(1)
    assert os.listdir(tmp_path) == []


async def test_a_socket_that_was_left_beside_is_replaced(tmp_path: Path) -> None:
    address = Handshake("unix", str(tmp_path / "s"))
    path = tunnel_socket(address.target)
    assert path is not None
    listener(path).close()
    async with serving(Plugin(), address=address):
        stream = await connect(path, rpc.CONNECT)
        await stream.close(1)


async def test_a_file_beside_that_is_no_socket_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    address = Handshake("unix", str(tmp_path / "s"))
    path = tunnel_socket(address.target)
    assert path is not None
    path.write_text("somebody's")
    async with serving(Plugin(), address=address) as (server, _):
        assert "the tunnel has no socket of its own" in caplog.text
        link = await Link.connect(server.address.target, timeout=PATIENCE)
        assert link.transport == "tunnel"
        await link.close()
    assert path.read_text() == "somebody's"


async def test_an_address_too_long_for_one_beside_is_served_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / ("f" * (100 - len(str(tmp_path))))
    folder.mkdir()
    async with serving(Plugin(), address=Handshake("unix", f"{folder}/s")) as (server, _):
        assert [path.name for path in folder.iterdir()] == ["s"]
        link = await Link.connect(server.address.target, timeout=PATIENCE)
        assert link.transport == "tunnel"
        await link.close()


async def test_a_port_has_nothing_beside_it() -> None:
    assert tunnel_socket("127.0.0.1:7000") is None
    async with serving(Plugin()) as (server, _):
        link = await Link.connect(server.address.target, timeout=PATIENCE)
        assert link.transport == "tunnel"
        await link.close()
