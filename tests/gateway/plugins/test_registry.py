from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from mattermost_plugin.tunnel.settings import TunnelSettings
from servehttp.errors import PluginStartError
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.manifest import discover
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.refused import refused_plugins
from servehttp.plugins.registry import STARTS_AT_ONCE, Registry
from servehttp.plugins.states import PluginState
from servehttp.plugins.supervisor import SupervisedPlugin
from servehttp.settings.plugins import PluginSettings
from servehttp.workspace.settings import Settings
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE
from support.registries import PLUGIN, fetch, folder, pid_of, registry, started
from support.supervision import no_leaks, until

pytestmark = pytest.mark.anyio


async def test_real_plugins_run_beside_one_that_cannot(tmp_path: Path) -> None:
    good = folder(tmp_path, "good", PLUGIN.format(activate="pass"))
    bad = folder(tmp_path, "bad", PLUGIN.format(activate="raise ValueError('no license')"))
    plugins = registry(good, bad)
    async with started(plugins) as results:
        assert results["com.example.good"] is None
        assert "no license" in str(results["com.example.bad"])
        assert [plugin.id for plugin in plugins] == ["com.example.good", "com.example.bad"]
        plugin = plugins.get("com.example.good")
        assert plugin is not None
        assert await fetch(plugin, b"/env") == (
            b"MATTERMOST_PLUGIN_API_TARGET MATTERMOST_PLUGIN_BASE_PATH MATTERMOST_PLUGIN_HOOK_TIMEOUT"
            b" MATTERMOST_PLUGIN_ID MATTERMOST_PLUGIN_LOG_LEVEL MATTERMOST_PLUGIN_MESSAGE_SIZE MATTERMOST_PLUGIN_PATH"
            b" MATTERMOST_PLUGIN_REPLICA MATTERMOST_PLUGIN_WEBSOCKET_MESSAGE_SIZE"
        )
        assert plugins.get("com.example.other") is None
    assert (good / "deactivated").exists()
    assert {plugin.state for plugin in plugins} == {PluginState.STOPPED}


APPLICATION = """
from mattermost_plugin import base_path

HERE = base_path()

class site:
    @staticmethod
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": HERE.encode()})
"""


async def test_an_application_needs_no_script(tmp_path: Path) -> None:
    path = tmp_path / "site"
    path.mkdir()
    (path / "plugin.json").write_text(json.dumps({"id": "com.example.site", "server": {"app": "web:site.app"}}))
    (path / "web.py").write_text(APPLICATION)
    plugins = registry(path)
    async with started(plugins):
        assert await fetch(plugins.get("com.example.site"), b"/") == b"/plugins/com.example.site"


async def test_a_real_plugin_comes_back_after_it_was_killed(tmp_path: Path) -> None:
    plugins = registry(folder(tmp_path, "one", PLUGIN.format(activate="pass")))
    async with started(plugins):
        [plugin] = plugins
        assert isinstance(plugin, SupervisedPlugin)
        first = pid_of(plugin)
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            await plugin.wait_for(PluginState.RESTARTING)
            await plugin.wait_for(PluginState.RUNNING)
        assert pid_of(plugin) != first
        assert await fetch(plugin, b"/env")


async def test_a_suspended_plugin_is_noticed_and_replaced(tmp_path: Path) -> None:
    one = folder(tmp_path, "one", PLUGIN.format(activate="pass"))
    plugins = registry(one, health_interval=0.1, health_timeout=0.3, health_failures=2)
    async with started(plugins):
        [plugin] = plugins
        assert isinstance(plugin, SupervisedPlugin)
        os.kill(pid_of(plugin), signal.SIGSTOP)
        async with asyncio.timeout(PATIENCE):
            await plugin.wait_for(PluginState.RESTARTING)
            await plugin.wait_for(PluginState.RUNNING)


async def test_nothing_is_left_after_a_stop(tmp_path: Path) -> None:
    one = folder(tmp_path, "one", PLUGIN.format(activate="pass"))
    async with started(registry(one)):
        pass
    with no_leaks():
        async with started(registry(one)):
            pass


async def test_a_stop_during_the_start_ends_it_also_for_those_in_the_queue(tmp_path: Path) -> None:
    sleepy = "import time; time.sleep(600)"
    plugins = registry(*(folder(tmp_path, f"sleepy{n}", sleepy) for n in range(12)))
    start = asyncio.create_task(plugins.start())
    await until(lambda: any(plugin.state is PluginState.STARTING for plugin in plugins))
    assert [plugin.state for plugin in plugins][STARTS_AT_ONCE:] == [PluginState.QUEUED] * (12 - STARTS_AT_ONCE)
    await list(plugins)[-1].stop()  # before its turn has come
    async with asyncio.timeout(PATIENCE):
        await plugins.stop()
        results = await start
    assert all(results.values())
    assert {plugin.state for plugin in plugins} == {PluginState.STOPPED}


async def test_after_a_stop_nothing_is_started_any_more(tmp_path: Path) -> None:
    plugins = registry(folder(tmp_path, "one", PLUGIN.format(activate="pass")))
    with no_leaks():
        await plugins.stop()
        assert all((await plugins.start()).values())
    assert {plugin.state for plugin in plugins} == {PluginState.STOPPED}


async def test_a_manifest_that_turned_bad_keeps_its_plugin_down(tmp_path: Path) -> None:
    one = folder(tmp_path, "one", PLUGIN.format(activate="pass"))
    plugins = registry(one)
    (one / "plugin.py").unlink()
    async with started(plugins) as results:
        assert "there is no file 'plugin.py'" in str(results["com.example.one"])
        [plugin] = plugins
        assert plugin.state is PluginState.FAILED


async def test_an_attached_plugin_stands_in_for_the_one_with_its_id(tmp_path: Path) -> None:
    one = folder(tmp_path, "one", PLUGIN.format(activate="pass"))
    plugins = registry(one, attach={"com.example.one": (f"unix:{tmp_path}/nothing.sock",)}, connect_timeout=0.2)
    async with started(plugins) as results:
        assert list(results) == ["com.example.one"]
        assert "no plugin answered" in str(results["com.example.one"])
        assert [plugin.describe()["pid"] for plugin in plugins] == [None]


async def test_a_registry_without_plugins_starts_and_stops() -> None:
    async with started(Registry([], Reaper())) as results:
        assert results == {}


async def test_the_plugins_folder_is_on_pythons_path_wherever_the_script_lies(tmp_path: Path) -> None:
    one = folder(tmp_path, "one", "")
    (one / "server").mkdir()
    (one / "server" / "plugin.py").write_text("import notes\n" + PLUGIN.format(activate="notes.taken()"))
    (one / "notes.py").write_text("def taken(): open('taken', 'w').close()")
    server = {"runtime": "python", "executable": "server/plugin.py"}
    (one / "plugin.json").write_text(json.dumps({"id": "com.example.one", "server": server}))
    async with started(registry(one)) as results:
        assert results == {"com.example.one": None}
    assert (one / "taken").exists()


def bad_folder(parent: Path, name: str, manifest: str) -> Path:
    path = parent / name
    path.mkdir(parents=True)
    (path / "plugin.json").write_text(manifest)
    return path


def test_a_refused_folder_whose_name_is_no_utf_8_is_shown_by_its_escape(tmp_path: Path) -> None:
    bad_folder(tmp_path, "odd\udcff", "{")
    _, refused = discover([tmp_path])
    (plugin,) = refused_plugins(refused, ())
    assert plugin.id == "odd\\udcff"
    assert b"odd\\udcff" in str(plugin.reason).encode()


async def test_refused_manifests_are_shown_with_the_reason_and_never_started(tmp_path: Path) -> None:
    good = folder(tmp_path, "good", PLUGIN.format(activate=""))
    bad = [bad_folder(tmp_path, "bad", "{"), bad_folder(tmp_path / "elsewhere", "bad", "[]")]
    settings = Settings(plugins=PluginSettings(paths=(good, *bad, good.parent / "nothing")))
    manifests, refused = discover(settings.plugins.paths)
    factory = PluginFactory(settings, TunnelSettings(), Reaper())
    registry = Registry.from_settings(factory, manifests, refused)
    shown = {plugin.id: plugin.describe() for plugin in registry if plugin.id != "com.example.good"}
    assert set(shown) == {"bad", "bad (2)", "nothing"}
    assert {about["state"] for about in shown.values()} == {"failed"}
    assert str(bad[0] / "plugin.json") in str(shown["bad"]["reason"])
    assert str(bad[1] / "plugin.json") in str(shown["bad (2)"]["reason"])
    refusal = registry.get("bad")
    assert refusal is not None
    with pytest.raises(PluginStartError, match=r"plugin\.json"):
        await registry.start_one(refusal)
    await registry.stop()
