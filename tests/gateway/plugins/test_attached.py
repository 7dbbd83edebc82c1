from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from mattermost_plugin import Plugin
from mattermost_plugin import exchange as parts
from mattermost_plugin.exchange import Body, End
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.routing import get
from mattermost_plugin.server import PluginServer
from mattermost_plugin.tunnel.settings import TunnelSettings
from servehttp.errors import PluginStartError
from servehttp.plugins.attached import attach
from servehttp.plugins.backoff import RestartPolicy
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.link import Link
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.registry import Registry
from servehttp.plugins.states import PluginState
from servehttp.settings.plugins import PluginSettings
from servehttp.workspace.settings import Settings
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


class Placed(Plugin):
    """Answers with where it is."""

    def __init__(self, place: str) -> None:
        self.place = place

    @get("/")
    async def where(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse(self.place)


async def served_at(path: Path) -> PluginServer:
    server = PluginServer(Placed(path.name), address=Handshake("unix", str(path)))
    await server.start()
    return server


async def where(plugin: PluginHandle) -> str:
    """Which place answers a request."""
    assert plugin.link is not None
    exchange = await plugin.link.open(parts.Request("GET", b"/"))
    await exchange.send(End())
    body = b""
    while not isinstance(part := await exchange.receive(), End):
        body += part.data if isinstance(part, Body) else b""
    return body.decode()


async def test_one_plugin_may_be_at_several_places_of_which_some_are_not_there(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    plugins = PluginSettings(attach={"com.example.test": (f"unix:{one}", f"unix:{two}")}, connect_timeout=1)
    factory = PluginFactory(Settings(plugins=plugins), TunnelSettings(), Reaper())
    registry = Registry.from_settings(factory, [])
    [plugin] = registry
    servers = {one: await served_at(one)}
    try:
        async with asyncio.timeout(PATIENCE):
            assert await registry.start() == {"com.example.test": None}
            assert (plugin.state, [await where(plugin) for _ in range(3)]) == ("running", ["one"] * 3)
            assert plugin.reason is not None
            assert plugin.reason.startswith("1 of 2 replicas run; [2] is restarting: no plugin answered")
            servers[two] = await served_at(two)
            await until(lambda: plugin.reason is None)
            assert {await where(plugin) for _ in range(2)} == {"one", "two"}
            await servers.pop(one).stop(0)
            await until(lambda: plugin.replicas[0].state is PluginState.RESTARTING)
            assert [await where(plugin) for _ in range(3)] == ["two"] * 3
    finally:
        await registry.stop()
        for server in servers.values():
            await server.stop(0)
