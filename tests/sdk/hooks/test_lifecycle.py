"""Implemented and the lifecycle hooks, as a host that calls them sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mattermost_plugin import HookName, Plugin, RuntimeConfig, Settings, command, every, hook
from mattermost_plugin.grpc.hooks_lifecycle_pb2 import (
    ImplementedRequest,
    OnActivateRequest,
    OnConfigurationChangeRequest,
    OnDeactivateRequest,
)
from mattermost_plugin.routing import get
from mattermost_plugin.servicers.results import app_error, error_id
from support.plugin_host import Host, serving

pytestmark = pytest.mark.anyio

LIFECYCLE: dict[str, Callable[[Host], Any]] = {
    "OnActivate": lambda host: host.hooks.OnActivate(OnActivateRequest()),
    "OnDeactivate": lambda host: host.hooks.OnDeactivate(OnDeactivateRequest()),
    "OnConfigurationChange": lambda host: host.hooks.OnConfigurationChange(OnConfigurationChangeRequest()),
}


async def implemented(host: Host) -> list[str]:
    return list((await host.hooks.Implemented(ImplementedRequest())).hooks)


def handling(name: str, handler: Callable[..., Any], config: RuntimeConfig | None = None) -> Plugin:
    cls = type("Handling", (Plugin,), {"handler": hook(name)(handler)})
    plugin: Plugin = cls(config=config or RuntimeConfig())
    return plugin


async def test_a_plugin_without_hooks_announces_none() -> None:
    async with serving(Plugin()) as (_, host):
        assert await implemented(host) == []


async def test_hooks_are_announced_in_order() -> None:
    class Many(Plugin):
        @hook
        def OnDeactivate(self) -> None: ...

        @hook
        def OnActivate(self) -> None: ...

        @hook
        def ServeHTTP(self, context: object, response_writer: object, request: object) -> None: ...

        @hook(HookName.FileWillBeUploaded)
        def upload(self, context: object, info: object, content: bytes) -> None: ...

    async with serving(Many()) as (_, host):
        assert await implemented(host) == ["FileWillBeUploaded", "OnActivate", "OnDeactivate", "ServeHTTP"]


async def test_what_works_by_a_hook_has_it_announced() -> None:
    class Commanding(Plugin):
        @command("x")
        def x(self) -> None: ...

    class Working(Plugin):
        @every(60)
        def work(self) -> None: ...

    @dataclass
    class Nothing:
        pass

    class Set(Plugin):
        settings = Settings(Nothing)

    for plugin, names in (
        (Commanding(), ["ExecuteCommand", "OnActivate"]),
        (Working(), ["OnActivate", "OnDeactivate"]),
        (Set(), ["OnActivate", "OnConfigurationChange"]),
    ):
        async with serving(plugin) as (_, host):
            assert await implemented(host) == names


async def test_a_plugin_with_routes_or_an_application_serves_http() -> None:
    class Routed(Plugin):
        @get("/")
        async def index(self, request: object) -> None: ...

    class Applied(Plugin):
        async def app(self, scope: object, receive: object, send: object) -> None: ...

    for plugin in (Routed(), Applied()):
        async with serving(plugin) as (_, host):
            assert await implemented(host) == ["ServeHTTP"]


@pytest.mark.parametrize("name", LIFECYCLE)
async def test_a_hook_without_a_handler_is_fine(name: str) -> None:
    async with serving(Plugin()) as (_, host):
        assert not (await LIFECYCLE[name](host)).HasField("error")


@pytest.mark.parametrize("name", LIFECYCLE)
async def test_handlers_are_called_sync_and_async(name: str) -> None:
    called: list[str] = []

    async def asynchronous(self: Plugin) -> None:
        called.append("async")

    def sync(self: Plugin) -> None:
        called.append("sync")

    for handler in (asynchronous, sync):
        async with serving(handling(name, handler)) as (_, host):
            assert not (await LIFECYCLE[name](host)).HasField("error")
    assert called == ["async", "sync"]


@pytest.mark.parametrize("name", LIFECYCLE)
async def test_a_handler_that_raises_is_an_error_in_the_answer_and_a_trace_in_the_log(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(self: Plugin) -> None:
        raise ValueError("no database")

    async with serving(handling(name, failing)) as (_, host):
        error = (await LIFECYCLE[name](host)).error
    assert (error.id, error.where, error.status_code) == (error_id(HookName(name)), name, 500)
    assert error.message == error.detailed_error == f"Hook '{name}' raised ValueError: no database"
    (record,) = (record for record in caplog.records if record.name == "mattermost_plugin.hooks")
    assert record.message == error.message
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


@pytest.mark.parametrize("name", LIFECYCLE)
async def test_a_handler_that_takes_too_long_is_an_error(name: str) -> None:
    async def slow(self: Plugin) -> None:
        await asyncio.sleep(10)

    async with serving(handling(name, slow, RuntimeConfig(hook_timeout=0.2))) as (_, host):
        error = (await LIFECYCLE[name](host)).error
    assert error.message == f"Hook '{name}' timed out after 0.2 seconds"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (None, ""),
        ("", ""),
        (True, ""),
        (7, ""),
        ("no licence", "no licence"),
        (LookupError("no key"), "no key"),
        (LookupError(), "LookupError"),
    ],
)
async def test_activation_is_refused_by_a_text_or_an_exception(result: object, text: str) -> None:
    async with serving(handling("OnActivate", lambda self: result)) as (_, host):
        answer = await LIFECYCLE["OnActivate"](host)
    assert answer.HasField("error") is bool(text)
    assert answer.error.message == text
    assert answer.error.id == ("plugin.on_activate.error" if text else "")


@pytest.mark.parametrize("name", ["OnDeactivate", "OnConfigurationChange"])
async def test_what_the_other_hooks_return_means_nothing(name: str) -> None:
    async with serving(handling(name, lambda self: "whatever")) as (_, host):
        assert not (await LIFECYCLE[name](host)).HasField("error")


async def test_a_blocked_handler_does_not_hold_up_others() -> None:
    class Busy(Plugin):
        def __init__(self) -> None:
            self.entered = asyncio.Event()
            self.release = asyncio.Event()

        @hook
        async def OnActivate(self) -> None:
            self.entered.set()
            await self.release.wait()

        @hook
        def OnDeactivate(self) -> None: ...

    plugin = Busy()
    async with serving(plugin) as (_, host):
        activating = asyncio.ensure_future(LIFECYCLE["OnActivate"](host))
        await plugin.entered.wait()
        assert not (await LIFECYCLE["OnDeactivate"](host)).HasField("error")
        plugin.release.set()
        assert not (await activating).HasField("error")


async def test_an_error_has_defaults_and_takes_others() -> None:
    error = app_error("text")
    assert (error.id, error.message, error.status_code, error.where) == ("plugin.error", "text", 500, "")
    error = app_error("text", "my.id", "details", 404, "Here")
    assert (error.id, error.detailed_error, error.status_code, error.where) == ("my.id", "details", 404, "Here")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("OnConfigurationChange", "plugin.on_configuration_change.error"),
        ("OnSAMLLogin", "plugin.on_saml_login.error"),
        ("ServeHTTP", "plugin.serve_http.error"),
        ("OnWebSocketConnect", "plugin.on_web_socket_connect.error"),
    ],
)
async def test_error_ids_are_the_hooks_names_in_snake_case(name: str, expected: str) -> None:
    assert error_id(HookName(name)) == expected
