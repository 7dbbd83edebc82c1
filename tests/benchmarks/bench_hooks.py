"""A hook called over gRPC, and a request served by the ServeHTTP rpc; host and plugin share one event loop, so that
times and bytes are those of both."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.measuring import Measure
from benchmarks.operations import application
from mattermost_plugin import HookName, Plugin, hook
from mattermost_plugin.grpc.hooks_lifecycle_pb2 import OnConfigurationChangeRequest
from support.plugin_host import Answer, Host, serving

CHANGE = OnConfigurationChangeRequest()


class Async(Plugin):
    """Handles the hook on the event loop."""

    app = application

    @hook(HookName.OnConfigurationChange)
    async def on_configuration_change(self) -> None: ...


class Sync(Plugin):
    """Handles the hook in a thread."""

    @hook(HookName.OnConfigurationChange)
    def on_configuration_change(self) -> None: ...


@contextmanager
def hosted(plugin: Plugin, loop: asyncio.AbstractEventLoop) -> Iterator[Host]:
    """A host that is connected to the plugin's server."""
    connection = serving(plugin)
    _, host = loop.run_until_complete(connection.__aenter__())
    try:
        yield host
    finally:
        loop.run_until_complete(connection.__aexit__(None, None, None))


@pytest.mark.parametrize("plugin", [Async, Sync], ids=["async", "sync"])
def test_hook(plugin: type[Plugin], loop: asyncio.AbstractEventLoop, measure: Measure) -> None:
    async def call(host: Host) -> None:
        await host.hooks.OnConfigurationChange(CHANGE)

    with hosted(plugin(), loop) as host:
        measure(lambda: loop.run_until_complete(call(host)))


def test_serve_http(loop: asyncio.AbstractEventLoop, measure: Measure) -> None:
    async def get(host: Host) -> Answer:
        return await host.request(url="/json")

    with hosted(Async(), loop) as host:
        answer = loop.run_until_complete(get(host))
        assert (answer.status, answer.body) == (200, b'{"hello":"world"}')
        measure(lambda: loop.run_until_complete(get(host)))
