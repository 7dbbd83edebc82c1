"""The plugin in examples/hello."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from mattermost_plugin import HookName, Plugin

pytestmark = pytest.mark.anyio


def test_whoever_the_path_names_is_greeted(make_plugin: Callable[[str], Plugin]) -> None:
    client = TestClient(make_plugin("hello").asgi_app())

    answers = [client.get(path).json() for path in ("/hello/world", "/hello/J%C3%BCrgen", "/hello/two%20words")]

    assert answers == [{"hello": "world"}, {"hello": "Jürgen"}, {"hello": "two words"}]


def test_nobody_else_is_answered(make_plugin: Callable[[str], Plugin]) -> None:
    client = TestClient(make_plugin("hello").asgi_app())

    assert [client.get(path).status_code for path in ("/", "/hello", "/hello/a/b")] == [404, 404, 404]
    assert client.post("/hello/world").status_code == 405


async def test_its_start_and_its_end_are_logged(
    make_plugin: Callable[[str], Plugin], caplog: pytest.LogCaptureFixture
) -> None:
    plugin = make_plugin("hello")
    assert plugin.implemented_hooks() == ["OnActivate", "OnDeactivate"]

    with caplog.at_level("INFO", logger="Hello"):
        await plugin.invoke_hook(HookName.OnActivate)
        await plugin.invoke_hook(HookName.OnDeactivate)

    assert [(record.name, record.message) for record in caplog.records] == [
        ("Hello", "ready to greet"),
        ("Hello", "goodbye"),
    ]
