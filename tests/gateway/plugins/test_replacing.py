"""A plugin makes way for another version of it once that runs, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from mattermost_plugin.exchange import Body, End, Exchange, Request, Response
from servehttp.errors import PluginStartError
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.manifest import load_manifest
from servehttp.plugins.registry import Registry
from servehttp.plugins.states import PluginState
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE
from support.registries import factory, fetch, folder, pid_of, started
from support.supervision import is_alive, no_leaks, until

pytestmark = pytest.mark.anyio

PLUGIN = """
import asyncio
from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.routing import get
from starlette.responses import PlainTextResponse, StreamingResponse

class Test(Plugin):
    @hook(HookName.OnActivate)
    async def activate(self):
        {activate}

    @hook(HookName.OnDeactivate)
    async def deactivate(self):
        open("deactivated by {name}", "w").close()

    @get("/name")
    async def name(self, request):
        return PlainTextResponse("{name}")

    @get("/slow")
    async def slow(self, request):
        async def pieces():
            yield b"{name} "
            while not __import__("os").path.exists("go on"):
                await asyncio.sleep(0.01)
            yield b"to the end"
        return StreamingResponse(pieces())

if __name__ == "__main__":
    run_plugin(Test)
"""
ID = "com.example.one"


class Stage:
    """A registry with one plugin, whose code can be changed."""

    def __init__(self, parent: Path, made: PluginFactory) -> None:
        self.folder = folder(parent, "one", PLUGIN.format(name="first", activate="pass"))
        self.factory = made
        self.registry = Registry.from_settings(made, [load_manifest(self.folder)])

    @property
    def plugin(self) -> Any:
        return self.registry.get(ID)

    def write(self, name: str, activate: str = "pass") -> None:
        (self.folder / "plugin.py").write_text(PLUGIN.format(name=name, activate=activate))

    async def replace(self) -> None:
        generation = self.plugin.generation + 1
        async with asyncio.timeout(PATIENCE):
            await self.registry.replace(self.factory.started(load_manifest(self.folder), generation))

    async def name(self) -> str:
        return (await fetch(self.plugin, b"/name")).decode()


@asynccontextmanager
async def staged(parent: Path, **settings: Any) -> AsyncIterator[Stage]:
    stage = Stage(parent, factory(**settings))
    async with started(stage.registry):
        yield stage


async def begin(plugin: Any, target: bytes) -> Exchange:
    exchange: Exchange = await plugin.link.open(Request("GET", target))
    await exchange.send(End())
    assert isinstance(await exchange.receive(), Response)
    return exchange


async def rest_of(exchange: Exchange) -> bytes:
    body = b""
    while not isinstance(part := await exchange.receive(), End):
        assert isinstance(part, Body)
        body += part.data
    return body


@pytest.mark.parametrize("replicas", [1, 2])
async def test_the_next_version_takes_over_once_all_of_it_runs(tmp_path: Path, replicas: int) -> None:
    async with staged(tmp_path, replicas={ID: replicas}) as stage:
        before = stage.plugin
        stage.write("second", "await asyncio.sleep(0.2)")
        replacing = asyncio.create_task(stage.replace())
        served = []
        while not replacing.done():
            served.append(await stage.name())
        await replacing
        assert set(served) <= {"first", "second"}
        assert served[0] == "first"
        assert served == sorted(served)
        assert await stage.name() == "second"
        assert len(stage.plugin.replicas) == replicas
        async with asyncio.timeout(PATIENCE):
            await until(lambda: before.state is PluginState.STOPPED)
        assert (stage.folder / "deactivated by first").exists()


async def test_a_version_that_does_not_come_up_changes_nothing(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        before = stage.plugin
        for activate, told in (("raise ValueError('no license')", "no license"), ("!", "SyntaxError")):
            stage.write("second", activate)
            with structlog.testing.capture_logs() as logs, pytest.raises(PluginStartError, match=told):
                await stage.replace()
            assert (stage.plugin, await stage.name()) == (before, "first")
            assert [entry["event"] for entry in logs if "attempt" in entry["event"]] == [], "there is none"
        stage.write("third")
        await stage.replace()
        assert await stage.name() == "third"


async def test_what_cannot_start_as_it_is_written_is_tried_once_and_again_when_it_was_edited(tmp_path: Path) -> None:
    stage = Stage(tmp_path, factory())
    stage.write("first", "!")
    async with started(stage.registry):
        assert (stage.plugin.state, stage.plugin.restarts) == (PluginState.FAILED, 0)
        assert "SyntaxError" in stage.plugin.reason
        assert stage.plugin.reason.endswith("(not tried again: the same files fail in the same way)")
        stage.write("second")
        await stage.replace()
        assert await stage.name() == "second"


async def test_one_that_has_to_be_alone_is_stopped_first(tmp_path: Path) -> None:
    stage = Stage(tmp_path, factory())
    registry = stage.registry = Registry([stage.plugin], stage.factory.reaper, alone=[ID])
    async with started(registry):
        before, process = stage.plugin, pid_of(stage.plugin)
        stage.write("second", "import os; assert os.path.exists('deactivated by first')")
        await stage.replace()
        assert (before.state, is_alive(process), await stage.name()) == (PluginState.STOPPED, False, "second")
        stage.write("third", "!")
        with pytest.raises(PluginStartError) as told:
            await stage.replace()
        assert told.value.stopped_before
        assert stage.plugin.state is PluginState.STOPPED
        stage.write("fourth")
        await stage.replace()
        assert await stage.name() == "fourth"


async def test_what_is_open_goes_on_where_it_began(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        before = stage.plugin
        exchange = await begin(before, b"/slow")
        stage.write("second")
        await stage.replace()
        assert await stage.name() == "second"
        assert before.state is PluginState.STOPPING
        (stage.folder / "go on").touch()
        async with asyncio.timeout(PATIENCE):
            assert await rest_of(exchange) == b"first to the end"
            await until(lambda: before.state is PluginState.STOPPED)


async def test_who_no_longer_waits_for_a_version_is_left_with_the_one_before(tmp_path: Path) -> None:
    with no_leaks():
        async with staged(tmp_path) as stage:
            stage.write("second", "await asyncio.sleep(600)")
            coming = stage.factory.started(load_manifest(stage.folder), 1)
            replacing = asyncio.create_task(stage.registry.replace(coming))
            await until(lambda: coming.describe()["pid"] is not None)
            pid = pid_of(coming)
            replacing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await replacing
            assert coming.state is PluginState.STOPPED
            assert not is_alive(pid)
            assert await stage.name() == "first"


async def test_a_plugin_that_was_stopped_meanwhile_stays_so(tmp_path: Path) -> None:
    with no_leaks():
        async with staged(tmp_path) as stage:
            before = stage.plugin
            stage.write("second", "await asyncio.sleep(0.3)")
            replacing = asyncio.create_task(stage.replace())
            await until(lambda: any(plugin.state is PluginState.STARTING for plugin in stage.registry.coming))
            await before.stop()
            with pytest.raises(PluginStartError, match="it was stopped meanwhile"):
                await replacing
            assert (stage.plugin, before.state) == (before, PluginState.STOPPED)


async def test_a_stop_ends_what_is_on_its_way_and_what_is_leaving(tmp_path: Path) -> None:
    with no_leaks():
        async with staged(tmp_path, drain_timeout=600) as stage:
            before, exchange = stage.plugin, await begin(stage.plugin, b"/slow")
            stage.write("second")
            await stage.replace()
            stage.write("third", "await asyncio.sleep(600)")
            replacing = asyncio.create_task(stage.replace())
            await until(lambda: any(plugin.state is PluginState.STARTING for plugin in stage.registry.coming))
            (stage.folder / "go on").touch()
            assert await rest_of(exchange) == b"first to the end"
            async with asyncio.timeout(PATIENCE):
                await stage.registry.stop()
            with pytest.raises(PluginStartError):
                await replacing
            assert before.state is PluginState.STOPPED


async def test_one_that_was_given_up_can_be_replaced(tmp_path: Path) -> None:
    async with staged(tmp_path, restart_limit=1) as stage:
        stage.write("second", "raise ValueError('no license')")
        await stage.plugin.stop()
        with pytest.raises(PluginStartError):
            await stage.registry.start_one(stage.plugin)
        stage.write("third")
        await stage.replace()
        assert await stage.name() == "third"
