"""Looking after plugins by REST: how they are, what they print, and what they are set to."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

import pytest

from servehttp.plugins.printed import KEPT_LINES
from servehttp.tail import READERS
from servehttp.workspace.domains.base.config_rules import MASK
from servehttp.workspace.domains.plugins.plugins import PluginSetting
from servehttp.workspace.workspace import Workspace
from support.plugin_managers import DictManager, Installed
from support.rest import Client

pytestmark = pytest.mark.anyio

ID = "com.example.test"
SETTINGS = (
    PluginSetting("Colour", "red", type="dropdown", options=("red", "blue")),
    PluginSetting("Count", type="number"),
    PluginSetting("On", False, type="bool"),
    PluginSetting("ApiKey", secret=True, type="text"),
    PluginSetting("Shape", type="custom"),
)
PATCH = f"/plugins/{ID}/settings/patch"


@pytest.fixture
def plugin(ws: Workspace) -> Installed:
    plugin = Installed(ID, SETTINGS, running=True)
    ws.plugins.manager = DictManager(plugin, Installed("com.example.free"))
    return plugin


async def values(admin: Client) -> dict[str, Any]:
    return {setting["key"]: setting["value"] for setting in await admin.ok("GET", f"/plugins/{ID}/settings")}


async def lines(admin: Client, query: str = "") -> list[Any]:
    response = await admin("GET", f"/plugins/{ID}/logs{query}")
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


async def test_the_last_lines_come_as_json_one_a_line(admin: Client, plugin: Installed) -> None:
    for number in range(KEPT_LINES):
        plugin.printed.add("stdout", "info", f"line {number}")
    plugin.printed.add("stderr", "error", "two\nlines", replica=2)
    told = await lines(admin, "?lines=2")
    assert [line["text"] for line in told] == [f"line {KEPT_LINES - 1}", "two\nlines"]
    assert {name: told[1][name] for name in ("number", "stream", "level", "replica")} == {
        "number": KEPT_LINES, "stream": "stderr", "level": "error", "replica": 2,
    }  # fmt: skip
    assert len(await lines(admin)) == 100
    assert len(await lines(admin, "?lines=999999")) == KEPT_LINES


async def test_a_reader_too_many_is_told_so(admin: Client, plugin: Installed) -> None:
    with ExitStack() as readers:
        for _ in range(READERS):
            readers.enter_context(plugin.printed.reader())
        response = await admin("GET", f"/plugins/{ID}/logs?follow=true")
    assert (response.status_code, "end one of them" in response.json()["message"]) == (429, True)
    assert await lines(admin) == []


async def test_a_follower_whose_plugin_is_removed_is_at_the_end(admin: Client, plugin: Installed) -> None:
    plugin.printed.add("stdout", "info", "last")
    plugin.printed.end()
    assert [line["text"] for line in await lines(admin, "?follow=true")] == ["last"]


async def test_settings_are_shown_with_their_defaults_and_without_secrets(admin: Client, plugin: Installed) -> None:
    await admin.ok("PUT", PATCH, json={"ApiKey": "s3cret", "count": 4})
    shown = {setting["key"]: setting for setting in await admin.ok("GET", f"/plugins/{ID}/settings")}
    assert shown["Colour"] == {
        "key": "Colour", "value": "red", "default": "red", "stored": False, "type": "dropdown",
        "options": ["red", "blue"], "secret": False, "display_name": "", "help_text": "",
    }  # fmt: skip
    assert (shown["ApiKey"]["value"], shown["ApiKey"]["secret"]) == (MASK, True)
    assert (shown["Count"]["value"], shown["Count"]["stored"]) == (4, True)


async def test_a_change_leaves_the_other_settings_and_null_takes_the_default_again(
    ws: Workspace, admin: Client, plugin: Installed
) -> None:
    await admin.ok("PUT", PATCH, json={"Colour": "blue", "ApiKey": "s3cret"})
    await admin.ok("PUT", PATCH, json={"On": True, "ApiKey": MASK})
    assert await ws.config.plugin_settings(ID) == {"Colour": "blue", "ApiKey": "s3cret", "On": True}
    await admin.ok("PUT", PATCH, json={"colour": None})
    assert (await values(admin))["Colour"] == "red"
    assert await ws.config.plugin_settings(ID) == {"ApiKey": "s3cret", "On": True}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Color": "red"}, "The plugin has no setting 'Color'; it has Colour, Count, On, ApiKey, Shape."),
        ({"Count": "many"}, "The setting Count takes a number."),
        ({"Count": True}, "The setting Count takes a number."),
        ({"On": "yes"}, "The setting On takes true or false."),
        ({"ApiKey": 1}, "The setting ApiKey takes a text."),
        ({"Colour": "green"}, "The setting Colour takes one of red, blue."),
        ({"": 1}, "The key of a setting has 1 to 256 characters."),
    ],
)
async def test_what_the_manifest_does_not_allow_is_refused(
    ws: Workspace, admin: Client, plugin: Installed, change: dict[str, Any], says: str
) -> None:
    response = await admin("PUT", PATCH, json={"Shape": {"any": "thing"}, **change})
    assert (response.status_code, response.json()["message"]) == (400, says)
    assert await ws.config.plugin_settings(ID) == {}


async def test_a_plugin_whose_manifest_describes_none_takes_any(admin: Client, plugin: Installed) -> None:
    [shown] = await admin.ok("PUT", "/plugins/com.example.free/settings/patch", json={"x": [1]})
    assert (shown["key"], shown["value"], shown["type"]) == ("x", [1], "")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "logs"), ("GET", "status"), ("GET", "settings"), ("PUT", "settings/patch"),
                         ("POST", "reset")],
)  # fmt: skip
async def test_a_plugin_that_is_not_there_is_a_404(admin: Client, plugin: Installed, method: str, path: str) -> None:
    assert (await admin(method, f"/plugins/com.example.none/{path}", json={})).status_code == 404
