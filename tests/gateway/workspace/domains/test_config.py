"""The configuration: defaults, secrets, plugins that refuse or change it, and the settings of plugins in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mattermost_plugin.grpc import common_pb2
from mattermost_plugin.grpc import hooks_lifecycle_pb2 as pb
from servehttp.workspace.domains.base.config_rules import MASK
from servehttp.workspace.domains.plugins.plugins import PluginSetting
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.hooks import Refused
from servehttp.workspace.workspace import Workspace
from support.plugin_managers import DictManager, Installed
from support.workspaces import FakePlugin

pytestmark = pytest.mark.anyio

PLUGIN = "com.example.poll"


def written(config: dict[str, Any]) -> bytes:
    return json.dumps(config).encode()


async def test_what_is_left_out_falls_back_to_its_default(ws: Workspace) -> None:
    await ws.config.save(written({"TeamSettings": {"SiteName": "Ours"}}))
    assert (await ws.config.section("TeamSettings"))["SiteName"] == "Ours"
    await ws.config.save(written({"ServiceSettings": {"SiteURL": "https://example.com"}, "TeamSettings": None}))
    config = await ws.config.get()
    assert config["TeamSettings"]["SiteName"] == "Workspace"
    assert config["ServiceSettings"]["SiteURL"] == "https://example.com"
    assert config["ServiceSettings"]["EnableCommands"] is True


async def test_what_is_no_json_object_is_refused_as_a_whole_or_as_a_section(ws: Workspace) -> None:
    plugins = b'{"PluginSettings": {"Plugins": {"poll": 5}}}'
    deep = b"[" * 100_000
    for text in (
        b"",
        b"[]",
        b"{",
        b"\xff",
        deep,
        b'{"EmailSettings": []}',
        b'{"PluginSettings": {"Plugins": 1}}',
        plugins,
    ):
        with pytest.raises(AppFailure) as refused:
            await ws.config.save(text)
        assert refused.value.status == 400


async def test_secrets_are_masked_and_a_mask_that_comes_back_stands_for_the_secret(ws: Workspace) -> None:
    await ws.config.save(written({"EmailSettings": {"SMTPPassword": "hush", "SMTPServer": "mail"}}))
    shown = await ws.config.sanitized(ws.plugins.is_secret)
    assert shown["EmailSettings"]["SMTPPassword"] == MASK
    assert shown["GitLabSettings"]["Secret"] == ""
    shown["EmailSettings"]["SMTPServer"] = "other"
    await ws.config.save(written(shown))
    email = await ws.config.section("EmailSettings")
    assert (email["SMTPPassword"], email["SMTPServer"]) == ("hush", "other")


async def test_a_plugin_may_change_a_configuration_and_all_are_told_afterwards(ws: Workspace) -> None:
    def change(request: pb.ConfigurationWillBeSavedRequest) -> pb.ConfigurationWillBeSavedResponse:
        config = json.loads(request.new_config.config_json)
        config["TeamSettings"]["SiteName"] += "!"
        return pb.ConfigurationWillBeSavedResponse(modified_config=pb.ConfigJson(config_json=written(config)))

    error = common_pb2.AppError(message="no")
    changing = FakePlugin({"ConfigurationWillBeSaved": change})
    told = FakePlugin({"OnConfigurationChange": pb.OnConfigurationChangeResponse(error=error)})
    ws.hooks.register("a", changing)
    ws.hooks.register("b", told)
    saved = await ws.config.save(written({"TeamSettings": {"SiteName": "Ours"}}))
    await ws.hooks.settled()
    assert saved["TeamSettings"]["SiteName"] == "Ours!"
    assert await ws.config.get() == saved
    assert [hook for hook, _ in told.asked] == ["OnConfigurationChange"]


async def test_what_a_plugin_refuses_is_not_saved_and_nobody_is_told(ws: Workspace) -> None:
    error = common_pb2.AppError(message="not today")
    guard = FakePlugin(
        {
            "ConfigurationWillBeSaved": pb.ConfigurationWillBeSavedResponse(error=error),
            "OnConfigurationChange": pb.OnConfigurationChangeResponse(),
        }
    )
    ws.hooks.register("a", guard)
    with pytest.raises(Refused, match="not today"):
        await ws.config.save(written({"TeamSettings": {"SiteName": "Ours"}}))
    await ws.hooks.settled()
    assert (await ws.config.section("TeamSettings"))["SiteName"] == "Workspace"
    assert [hook for hook, _ in guard.asked] == ["ConfigurationWillBeSaved"]


async def test_a_change_made_while_plugins_are_asked_is_not_lost(ws: Workspace) -> None:
    asked = 0

    async def interfere(request: pb.ConfigurationWillBeSavedRequest) -> pb.ConfigurationWillBeSavedResponse:
        nonlocal asked
        asked += 1
        if asked == 1:
            await ws.config.save_plugin_settings("b", {"theirs": 2})
        return pb.ConfigurationWillBeSavedResponse()

    ws.hooks.register("a", FakePlugin({"ConfigurationWillBeSaved": interfere}))
    await ws.config.save_plugin_settings("a", {"mine": 1})
    assert await ws.config.plugin_settings("a") == {"mine": 1}
    assert await ws.config.plugin_settings("b") == {"theirs": 2}


async def test_a_plugin_has_the_defaults_of_its_manifest_and_what_is_stored(ws: Workspace) -> None:
    described = [PluginSetting("Limit", 5), PluginSetting("Key", secret=True), PluginSetting("Colour", "red")]
    ws.plugins.manager = DictManager(Installed(PLUGIN, described))
    await ws.config.save_plugin_settings(PLUGIN, {"limit": 7, "Key": "hush", "More": [1]})
    assert await ws.plugins.configuration(PLUGIN) == {"Limit": 7, "Key": "hush", "Colour": "red", "More": [1]}
    assert await ws.config.plugin_settings(PLUGIN) == {"limit": 7, "Key": "hush", "More": [1]}
    assert await ws.plugins.configuration("com.example.unknown") == {}


async def test_secret_settings_of_plugins_are_masked_and_all_of_those_that_are_not_installed(ws: Workspace) -> None:
    ws.plugins.manager = DictManager(Installed(PLUGIN, [PluginSetting("Key", secret=True)]))
    await ws.config.save_plugin_settings(PLUGIN, {"key": {"a": "hush"}, "open": {"b": 1}})
    await ws.config.save_plugin_settings("gone", {"anything": "hush"})
    shown = await ws.config.sanitized(ws.plugins.is_secret)
    assert shown["PluginSettings"]["Plugins"] == {PLUGIN: {"key": MASK, "open": {"b": 1}}, "gone": {"anything": MASK}}
    await ws.config.save(written(shown))
    assert await ws.config.plugin_settings("gone") == {"anything": "hush"}
    assert await ws.config.plugin_settings(PLUGIN) == {"key": {"a": "hush"}, "open": {"b": 1}}
