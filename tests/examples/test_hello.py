"""The plugin in examples/hello."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mattermost_plugin import Plugin
from mattermost_plugin.testing import PluginClient, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def plugin_class(load_plugin: Callable[[str], type[Plugin]]) -> type[Plugin]:
    return load_plugin("hello")


async def test_whoever_the_path_names_is_greeted(plugin_client: PluginClient) -> None:
    answers = [(await plugin_client.get(f"/hello/{name}")).json() for name in ("world", "J%C3%BCrgen", "two words")]

    assert answers == [{"hello": "world"}, {"hello": "Jürgen"}, {"hello": "two words"}]


async def test_its_address_leads_to_a_greeting(plugin_client: PluginClient) -> None:
    answer = await plugin_client.get("/")
    assert (answer.status, answer.headers["location"]) == (307, "hello/world")


async def test_nobody_else_is_answered(plugin_client: PluginClient) -> None:
    assert [(await plugin_client.get(path)).status for path in ("/hello", "/hello/a/b")] == [404, 404]
    assert (await plugin_client.post("/hello/world")).status == 405


async def test_its_start_and_its_end_are_logged(plugin: Plugin, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="Hello"):
        async with running(plugin):
            assert caplog.messages == ["ready to greet"]

    assert caplog.messages == ["ready to greet", "goodbye"]
