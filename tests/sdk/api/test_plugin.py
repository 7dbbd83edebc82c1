"""The clients and the logger that a plugin finds at itself."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest

from mattermost_plugin import AsyncPluginAPIClient, Plugin, PluginAPIClient, RuntimeConfig, hook
from mattermost_plugin.grpc.hooks_lifecycle_pb2 import OnActivateRequest, OnConfigurationChangeRequest
from mattermost_plugin.plugin import close_clients
from mattermost_plugin.process.logs import HostFormatter
from support.api_host import ApiHost
from support.patience import PATIENCE
from support.plugin_host import serving

pytestmark = pytest.mark.anyio


class Calling(Plugin):
    """Calls the host from a sync and from an async handler."""

    @hook
    def OnActivate(self) -> None:
        self.api.kv_set("state", b"active")

    @hook
    async def OnConfigurationChange(self) -> None:
        await self.async_api.kv_set("state", b"configured")


async def test_handlers_reach_the_host_without_connecting(host: ApiHost, target: str) -> None:
    plugin = Calling(config=RuntimeConfig(api_target=target, api_token="secret"))
    async with serving(plugin) as (_, plugin_host):
        assert not (await plugin_host.hooks.OnActivate(OnActivateRequest())).HasField("error")
        changed = await plugin_host.hooks.OnConfigurationChange(OnConfigurationChangeRequest())
        assert not changed.HasField("error")
        await close_clients(plugin)
    assert [request.value for request in host.asked("KVSet")] == [b"active", b"configured"]
    assert {call.metadata["authorization"] for call in host.calls} == {"Bearer secret"}


class Blocking(Plugin):
    """Makes the mistake that would dead-lock."""

    @hook
    async def OnActivate(self) -> None:
        self.api.get_plugin_id()


async def test_a_blocking_call_in_an_async_handler_says_what_to_do(host: ApiHost, target: str) -> None:
    async with serving(Blocking(config=RuntimeConfig(api_target=target))) as (_, plugin_host):
        answer = await plugin_host.hooks.OnActivate(OnActivateRequest())
    assert "await the method of self.async_api" in answer.error.message


async def test_closing_ends_the_clients_of_a_plugin_but_not_those_it_was_given(host: ApiHost, target: str) -> None:
    plugin = Plugin(config=RuntimeConfig(api_target=target))
    api, async_api = plugin.api, plugin.async_api
    await async_api.get_plugin_id()
    await asyncio.to_thread(api.get_plugin_id)
    await close_clients(plugin)
    assert not api.connected
    assert not async_api.connected

    with PluginAPIClient(target) as given:
        async with AsyncPluginAPIClient(target) as async_given:
            plugin = Plugin(api=given, async_api=async_given)
            assert (plugin.api, plugin.async_api) == (given, async_given)
            await close_clients(plugin)
            assert given.connected
            assert async_given.connected


async def test_a_plugin_that_called_nobody_has_nothing_to_close() -> None:
    await close_clients(Plugin())


def test_a_plugin_that_no_host_started_has_no_clients() -> None:
    with pytest.raises(RuntimeError, match="no API client"):
        _ = Plugin().api
    with pytest.raises(RuntimeError, match="no API client"):
        _ = Plugin().async_api


def test_threads_that_ask_at_once_get_one_client(target: str) -> None:
    plugin = Plugin(config=RuntimeConfig(api_target=target))
    barrier = threading.Barrier(8)

    def ask(_: int) -> Any:
        barrier.wait(PATIENCE)
        return plugin.api

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_the_logger_tells_the_host_level_and_fields() -> None:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(HostFormatter())
    logger = logging.Logger("Weather")
    logger.addHandler(handler)
    Plugin(logger=logger).logger.warning("it rains in %s", "Ulm", extra={"millimetres": 3})
    entry = json.loads(stream.getvalue())
    assert (entry["@level"], entry["@message"], entry["millimetres"]) == ("warn", "it rains in Ulm", 3)
    assert entry["@module"] == "Weather"


def test_the_token_is_in_no_repr() -> None:
    assert "secret" not in repr(RuntimeConfig(api_token="secret"))
