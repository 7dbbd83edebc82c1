from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from mattermost_plugin import Plugin
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.server import PluginServer
from servehttp.errors import PluginStartError
from servehttp.plugins.attached import attach
from servehttp.plugins.backoff import RestartPolicy
from servehttp.plugins.link import Link
from servehttp.plugins.states import PluginState
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE
from support.supervision import POLICY, Connections, until

pytestmark = pytest.mark.anyio

ENDLESS = replace(POLICY, restart=RestartPolicy(0.01, 2, 0.02, limit=None, window=60), connect_timeout=1)


async def test_it_is_looked_for_until_it_is_there_and_whenever_it_goes_away() -> None:
    connections = Connections()
    connections.refuse = "nothing answered"
    plugin = attach("com.example.test", "unix:/somewhere", connections, ENDLESS)
    with pytest.raises(PluginStartError, match="nothing answered"):
        await plugin.start()
    await until(lambda: len(connections.targets) >= 5)
    async with asyncio.timeout(PATIENCE):
        connections.refuse = None
        await plugin.wait_for(PluginState.RUNNING)
        connections.last.lost.set_result("stream ended")
        await plugin.wait_for(PluginState.RESTARTING)
        await plugin.wait_for(PluginState.RUNNING)
    assert connections.last.calls == ["activate"]
    assert set(connections.targets) == {"unix:/somewhere"}
    assert plugin.describe()["pid"] is None
    await plugin.stop()
    assert connections.last.calls == ["activate", "drain", "deactivate", "close"]


async def test_a_real_plugin_is_found_lost_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "p.sock"

    async def serve() -> PluginServer:
        server = PluginServer(Plugin(), address=Handshake("unix", str(path)))
        await server.start()
        return server

    server = await serve()
    plugin = attach("com.example.test", f"unix:{path}", Link.connect, ENDLESS)
    try:
        async with asyncio.timeout(PATIENCE):
            await plugin.start()
            assert plugin.state is PluginState.RUNNING
            await server.stop(0)
            await plugin.wait_for(PluginState.RESTARTING)
            server = await serve()
            await plugin.wait_for(PluginState.RUNNING)
    finally:
        await plugin.stop()
        await server.stop(0)
