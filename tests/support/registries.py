"""Registries of real plugins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mattermost_plugin.exchange import Body, End, Request, Response
from mattermost_plugin.tunnel.settings import TunnelSettings
from servehttp.errors import PluginStartError
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.host import PluginHost
from servehttp.plugins.manifest import load_manifest
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.registry import Registry
from servehttp.settings.plugins import PluginSettings
from servehttp.workspace.settings import Settings
from support.patience import PATIENCE

PLUGIN = """
import os
from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.routing import get
from starlette.responses import PlainTextResponse

class Test(Plugin):
    @hook(HookName.OnActivate)
    async def activate(self):
        print("activated")
        {activate}

    @hook(HookName.OnDeactivate)
    async def deactivate(self):
        open("deactivated", "w").close()

    @get("/env")
    async def env(self, request):
        return PlainTextResponse(" ".join(sorted(k for k in os.environ if k.startswith("MATTERMOST_PLUGIN_"))))

if __name__ == "__main__":
    run_plugin(Test)
"""


def folder(parent: Path, name: str, code: str) -> Path:
    path = parent / name
    path.mkdir()
    server = {"runtime": "python", "executable": "plugin.py"}
    (path / "plugin.json").write_text(json.dumps({"id": f"com.example.{name}", "server": server}))
    (path / "plugin.py").write_text(code)
    return path


def factory(host: PluginHost | None = None, **settings: Any) -> PluginFactory:
    plugins = PluginSettings(env_allow=("PYTHONPATH",), restart_delay=0.05, **settings)
    return PluginFactory(Settings(plugins=plugins), TunnelSettings(), Reaper(), host=host)


def registry(*folders: Path, **settings: Any) -> Registry:
    return Registry.from_settings(factory(**settings), [load_manifest(path) for path in folders])


@asynccontextmanager
async def started(registry: Registry) -> AsyncIterator[dict[str, PluginStartError | None]]:
    try:
        async with asyncio.timeout(PATIENCE):
            results = await registry.start()
        yield dict(results)
    finally:
        async with asyncio.timeout(PATIENCE):
            await registry.stop()


async def fetch(plugin: Any, target: bytes) -> bytes:
    exchange = await plugin.link.open(Request("GET", target))
    await exchange.send(End())
    body = b""
    while not isinstance(part := await exchange.receive(), End):
        if isinstance(part, Body):
            body += part.data
        else:
            assert isinstance(part, Response)
            assert part.status == 200
    return body


def pid_of(plugin: Any) -> int:
    pid = plugin.describe()["pid"]
    assert isinstance(pid, int)
    return pid
