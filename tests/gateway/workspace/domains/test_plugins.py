"""Plugins as the workspace sees them, through whatever manages them."""

from __future__ import annotations

import io

import pytest

from servehttp.workspace.domains.plugins.plugin_requests import PluginRequest
from servehttp.workspace.workspace import Workspace
from support.plugin_managers import DictManager, Installed
from support.workspaces import refusal

pytestmark = pytest.mark.anyio

PLUGIN = "com.example.poll"


@pytest.fixture
def manager(ws: Workspace) -> DictManager:
    manager = ws.plugins.manager = DictManager(Installed(PLUGIN, running=True))
    return manager


async def test_without_a_manager_there_are_no_plugins(ws: Workspace) -> None:
    assert ws.plugins.active() == []
    assert await refusal(ws.plugins.enable(PLUGIN)) == ("app.plugin.not_installed.app_error", 404)
    assert (await refusal(ws.plugins.install(io.BytesIO())))[1] == 501


async def test_clients_are_told_when_a_plugin_starts_or_stops(ws: Workspace, manager: DictManager) -> None:
    events = ws.events.subscribe(lambda event: event.name == "plugin_statuses_changed")
    await ws.plugins.disable(PLUGIN)
    assert (ws.plugins.status(PLUGIN).state, events.waiting) == (0, 1)
    await ws.plugins.enable(PLUGIN)
    assert (ws.plugins.status(PLUGIN).state, events.waiting) == (2, 2)


async def test_what_is_not_installed_can_neither_be_removed_nor_called(ws: Workspace, manager: DictManager) -> None:
    await ws.plugins.remove(PLUGIN)
    assert (await refusal(ws.plugins.remove(PLUGIN)))[1] == 404
    assert (await ws.plugins.send("me", f"/{PLUGIN}/", PluginRequest("GET", ""))).status == 404


async def test_a_request_reaches_the_plugin_whose_id_begins_the_path(ws: Workspace, manager: DictManager) -> None:
    forged = {"mattermost-plugin-id": "somebody", "Accept": "*/*"}
    response = await ws.plugins.send("me", f"/{PLUGIN}/api/v1?a=b", PluginRequest("POST", "", forged, b"hello"))
    assert (response.status, response.body) == (201, b"hello")
    [request] = manager.plugins[PLUGIN].requests
    assert (request.method, request.target) == ("POST", "/api/v1?a=b")
    assert request.headers == {"Accept": "*/*", "Mattermost-Plugin-ID": "me"}


async def test_a_request_to_nobody_is_answered_with_404(ws: Workspace) -> None:
    response = await ws.plugins.send("me", f"/{PLUGIN}/", PluginRequest("GET", ""))
    assert (response.status, response.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    ws.plugins.manager = DictManager(Installed(PLUGIN, running=False))
    for id in (PLUGIN, "com.example.other", "api", "%70"):
        assert (await ws.plugins.send("me", f"/{id}/x", PluginRequest("GET", ""))).status == 404


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        f"/{PLUGIN}",
        "//x",
        "https://example.com",
        "http://[::1/x/y",
        # what the front refuses of clients
        f"/{PLUGIN}/../com.example.other/secret",
        f"/{PLUGIN}/..",
        f"/{PLUGIN}/./b",
        f"/{PLUGIN}/%2e%2e/b",
        f"/{PLUGIN}/.%2E/b",
        f"/{PLUGIN}/a%00b",
        f"/{PLUGIN}/a b",
        f"/{PLUGIN}/a\r\nX-Split: 1",
        f"/{PLUGIN}/a\tb",
        f"/{PLUGIN}/a?b=\x00",
    ],
)
async def test_a_url_that_is_none_is_answered_with_400(ws: Workspace, manager: DictManager, url: str) -> None:
    response = await ws.plugins.send("me", url, PluginRequest("GET", ""))
    assert (response.status, manager.plugins[PLUGIN].requests) == (400, [])
    assert b"URL" in response.body


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"bad name": "x"}),
        ("GET", {"": "x"}),
        ("GET", {"X-Split": "a\r\nMattermost-User-Id: admin"}),
        ("GET", {"X-Nul": "\0"}),
        ("GET", {"X-Name": "\u0141"}),
        ("GET", {"\u0141": "x"}),
        ("G ET", {}),
        ("GET / HTTP/1.1\r\n", {}),
        ("CONNECT", {}),
    ],
)
async def test_a_method_or_header_that_is_none_is_answered_with_400(
    ws: Workspace, manager: DictManager, method: str, headers: dict[str, str]
) -> None:
    response = await ws.plugins.send("me", f"/{PLUGIN}/", PluginRequest(method, "", headers))
    assert (response.status, manager.plugins[PLUGIN].requests) == (400, [])


@pytest.mark.parametrize(
    "name",
    [
        "Mattermost-User-Id", "mattermost_user_id", "Mattermost-Plugin_ID", "X-Forwarded-For", "X_Forwarded_Host",
        "Forwarded", "X-Real-IP", "Connection", "Upgrade", "Transfer-Encoding", "TE", "X-Hop",
    ],
)  # fmt: skip
async def test_a_plugin_cannot_say_what_a_client_cannot(ws: Workspace, manager: DictManager, name: str) -> None:
    headers = {"Connection": "X-Hop, Mattermost-Plugin-ID", "Accept": "*/*"} | {name: "X-Hop"}
    await ws.plugins.send("me", f"/{PLUGIN}/", PluginRequest("get", "", headers))
    [request] = manager.plugins[PLUGIN].requests
    assert request.method == "GET"
    assert request.headers == {"Accept": "*/*", "Mattermost-Plugin-ID": "me"}


async def test_what_is_not_ascii_in_a_url_is_encoded_as_clients_encode_it(ws: Workspace, manager: DictManager) -> None:
    await ws.plugins.send("me", f"/{PLUGIN}/caf\u00e9/a%20b?q=\u0141#fragment", PluginRequest("GET", ""))
    [request] = manager.plugins[PLUGIN].requests
    assert request.target == "/caf%C3%A9/a%20b?q=%C5%81"
