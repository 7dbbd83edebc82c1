"""Every hook of the contract is fired by something, and reaches a handler with what it is about.

A whole gateway runs in this process, with a plugin of the SDK attached to it, so both sides of the wire are crossed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mattermost_plugin import HookName, Plugin, hook
from mattermost_plugin.models import CommandResponse
from servehttp import WorkspaceHost
from servehttp.app import create_app
from servehttp.settings.plugins import PluginSettings
from servehttp.workspace.rest.application import MODULES
from servehttp.workspace.rpc.table import HANDLERS
from servehttp.workspace.settings import Settings
from support.every_hook import PLUGIN
from support.hook_scene import EVENTS, Event, Scene
from support.patience import PATIENCE
from support.plugin_host import serving
from support.rest import served

pytestmark = pytest.mark.anyio

SECONDS = PATIENCE
"""Longest that a hook is waited for."""


class Everything(Plugin):
    """Has every hook, allows everything, and keeps what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: asyncio.Queue[tuple[str, tuple[Any, ...]]] = asyncio.Queue()

    @hook(HookName.ServeHTTP)
    async def serve(self, context: Any, writer: Any, request: Any) -> None:
        self.told.put_nowait(("ServeHTTP", (context, writer, request)))
        writer.write(b"here")

    @hook(HookName.ExecuteCommand)
    async def execute(self, context: Any, args: Any) -> CommandResponse:
        self.told.put_nowait(("ExecuteCommand", (context, args)))
        return CommandResponse(text="done")


def listen(name: HookName) -> Any:
    async def handler(self: Everything, *arguments: Any) -> None:
        self.told.put_nowait((name.value, arguments))

    return hook(name)(handler)


OWN = (HookName.ServeHTTP, HookName.ExecuteCommand)
Listening: Any = type("Listening", (Everything,), {name.value: listen(name) for name in HookName if name not in OWN})


@pytest.fixture(scope="module")
async def plugin() -> Everything:
    made: Everything = Listening()
    return made


@pytest.fixture(scope="module")
async def scene(plugin: Everything, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with serving(plugin) as (server, _):
        attached = PluginSettings(attach={PLUGIN: (server.address.target,)})
        settings = Settings(data_dir=tmp_path_factory.mktemp("data"), plugins=attached)
        host = WorkspaceHost(settings)
        gateway = create_app(settings, [], host=host)
        async with gateway, served(gateway) as port:
            await gateway.wait_started()
            scene = Scene(host.workspace, f"http://127.0.0.1:{port}")
            await scene.set()
            yield scene


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.hook.value)
async def test_an_event_reaches_the_handler_of_its_hook(event: Event, scene: Scene, plugin: Everything) -> None:
    while not plugin.told.empty():
        plugin.told.get_nowait()
    expected = await event.fire(scene)
    async with asyncio.timeout(SECONDS):
        while True:
            name, arguments = await plugin.told.get()
            if name == event.hook and event.told(*arguments) == expected:
                return


def test_every_hook_has_an_event() -> None:
    assert sorted(event.hook for event in EVENTS) == sorted(HookName)


def test_what_is_said_of_events_names_routes_and_rpcs_that_are_there() -> None:
    routes = {f"{route.method} {anonymous(route.path)}" for module in MODULES for route in module.ROUTES}
    named = [name for event in EVENTS for name in re.findall(r"`([^`]+)`", event.what)]
    assert {anonymous(name) for name in named if re.match("[A-Z]+ /", name)} - routes == set()
    assert {name for name in named if name.isidentifier()} - HANDLERS.keys() == set()


def anonymous(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "{id}", path)
