"""Plugins as the workspace sees them, through whatever manages them."""

from __future__ import annotations

import pytest

from servehttp.host.errors import AppFailure
from servehttp.host.workspace import Workspace
from servehttp.host.workspace.plugins import PluginRequest
from support.plugin_managers import DictManager, Installed

pytestmark = pytest.mark.anyio

PLUGIN = "com.example.poll"


async def refusal(action: object) -> tuple[str, int]:
    with pytest.raises(AppFailure) as refused:
        await action  # type: ignore[misc]
    return refused.value.id, refused.value.status


@pytest.fixture
def manager(ws: Workspace) -> DictManager:
    ws.plugins.manager = DictManager(Installed(PLUGIN, running=True))
    return ws.plugins.manager


async def test_without_a_manager_there_are_no_plugins(ws: Workspace) -> None:
    assert ws.plugins.active() == []
    assert await refusal(ws.plugins.enable(PLUGIN)) == ("app.plugin.not_installed.app_error", 404)
    assert (await refusal(ws.plugins.install(b"")))[1] == 501


async def test_clients_are_told_when_a_plugin_starts_or_stops(ws: Workspace, manager: DictManager) -> None:
    events = ws.events.subscribe(lambda event: event.name == "plugin_statuses_changed")
    await ws.plugins.disable(PLUGIN)
    assert (ws.plugins.status(PLUGIN).state, events.waiting) == (0, 1)
    await ws.plugins.enable(PLUGIN)
    assert (ws.plugins.status(PLUGIN).state, events.waiting) == (2, 2)


async def test_what_is_not_installed_can_neither_be_removed_nor_called(ws: Workspace, manager: DictManager) -> None:
    await ws.plugins.remove(PLUGIN)
    assert (await refusal(ws.plugins.remove(PLUGIN)))[1] == 404
    assert (await refusal(ws.plugins.send("me", f"/{PLUGIN}/", PluginRequest("GET", ""))))[1] == 404


async def test_a_request_reaches_the_plugin_whose_id_begins_the_path(ws: Workspace, manager: DictManager) -> None:
    forged = {"mattermost-plugin-id": "somebody", "Accept": "*/*"}
    response = await ws.plugins.send("me", f"/{PLUGIN}/api/v1?a=b", PluginRequest("POST", "", forged, b"hello"))
    assert (response.status, response.body) == (201, b"hello")
    [request] = manager.plugins[PLUGIN].requests
    assert (request.method, request.target) == ("POST", "/api/v1?a=b")
    assert request.headers == {"Accept": "*/*", "Mattermost-Plugin-ID": "me"}


@pytest.mark.parametrize("url", ["", "/", f"/{PLUGIN}", "https://example.com"])
async def test_a_url_without_a_plugin_is_refused(ws: Workspace, manager: DictManager, url: str) -> None:
    assert (await refusal(ws.plugins.send("me", url, PluginRequest("GET", ""))))[1] == 400
