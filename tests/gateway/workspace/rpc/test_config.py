"""The configuration, plugins and what a plugin may know of the workspace, as the SDK's client sees them."""

from __future__ import annotations

import json

import pytest

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError, PluginAPIError, ValidationError
from servehttp.workspace.domains.plugins.plugins import PluginSetting
from servehttp.workspace.workspace import Workspace
from support.plugin_managers import DictManager, Installed

pytestmark = pytest.mark.anyio

ME = "com.example.me"
OTHER = "com.example.other"


@pytest.fixture(autouse=True)
def manager(ws: Workspace) -> DictManager:
    me = Installed(ME, [PluginSetting("limit", 5)], running=True)
    manager = ws.plugins.manager = DictManager(me, Installed(OTHER))
    return manager


async def test_the_configuration_is_read_with_and_without_secrets_and_saved(api: AsyncPluginAPIClient) -> None:
    config = json.loads(await api.get_unsanitized_config())
    config["EmailSettings"]["SMTPPassword"] = "hush"
    await api.save_config(json.dumps(config).encode())
    assert b"hush" in await api.get_unsanitized_config()
    assert b"hush" not in await api.get_config()
    with pytest.raises(ValidationError):
        await api.save_config(b"[]")


async def test_a_plugins_settings_are_its_own(api: AsyncPluginAPIClient) -> None:
    assert await api.get_plugin_config() == {}
    await api.save_plugin_config({"colour": "red"})
    assert await api.get_plugin_config() == {"colour": "red"}
    assert await api.load_plugin_configuration() == {"colour": "red", "limit": 5}


async def test_plugins_are_installed_started_stopped_and_removed(api: AsyncPluginAPIClient) -> None:
    assert await api.get_plugin_id() == ME
    assert await api.get_bundle_path() == f"/plugins/{ME}"
    assert (await api.install_plugin(b"com.example.new")).id == "com.example.new"
    with pytest.raises(ValidationError):
        await api.install_plugin(b"com.example.new")
    await api.install_plugin(b"com.example.new", force=True)
    await api.enable_plugin("com.example.new")
    assert [manifest.id for manifest in await api.get_plugins()] == [ME, "com.example.new"]
    await api.disable_plugin("com.example.new")
    assert (await api.get_plugin_status("com.example.new")).state == 0
    await api.remove_plugin("com.example.new")
    with pytest.raises(NotFoundError):
        await api.get_plugin_status("com.example.new")


async def test_a_request_is_answered_by_another_plugin_that_runs(api: AsyncPluginAPIClient) -> None:
    assert (await api.plugin_http("GET", f"/{OTHER}/x"))[0] == 404
    await api.enable_plugin(OTHER)
    answer = await api.plugin_http("POST", f"/{OTHER}/x?y=1", {"Accept": "*/*"}, b"body")
    assert answer == (201, {"X-Target": "/x?y=1"}, b"body")


async def test_a_plugin_learns_what_it_may_know_of_the_workspace(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    assert await api.get_server_version() == "10.11.0"
    assert await api.get_system_install_date() == ws.clock()
    assert await api.get_diagnostic_id() == await api.get_telemetry_id() != ""
    assert (await api.get_license(), await api.get_cloud_limits()) == (b"", b"")
    assert not await api.is_enterprise_ready()
    await api.register_collection_and_topic("polls", "votes")
    assert await ws.collection_types.owner("votes") == (ME, "polls")


async def test_what_needs_a_licence_is_not_to_be_had_here(api: AsyncPluginAPIClient) -> None:
    with pytest.raises(PluginAPIError, match="RequestTrialLicense"):
        await api.request_trial_license("u" * 26, 10)
    with pytest.raises(PluginAPIError, match="GetLDAPUserAttributes"):
        await api.get_ldap_user_attributes("u" * 26, ["mail"])
