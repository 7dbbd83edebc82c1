"""Hooks that run while the plugin stops."""

from __future__ import annotations

import asyncio

import pytest

from mattermost_plugin import HookName, Plugin, hook
from support.hooks import ask
from support.plugin_host import TIMEOUT, serving

pytestmark = pytest.mark.anyio


class Held(Plugin):
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()

    @hook(HookName.UserWillLogIn)
    async def log_in(self, context: object, user: object) -> str:
        self.entered.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "locked"


async def test_a_handler_may_finish_while_the_server_stops() -> None:
    plugin = Held()
    async with serving(plugin) as (server, host), asyncio.timeout(TIMEOUT):
        call = asyncio.ensure_future(ask(host, "UserWillLogIn"))
        await plugin.entered.wait()
        server.request_stop(TIMEOUT)
        plugin.release.set()
        assert (await call).rejection_reason == "locked"
        await server.wait_for_termination()
    assert not plugin.cancelled.is_set()


async def test_a_handler_that_does_not_finish_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    plugin = Held()
    async with serving(plugin) as (server, host), asyncio.timeout(TIMEOUT):
        call = asyncio.ensure_future(ask(host, "UserWillLogIn"))
        await plugin.entered.wait()
        await server.stop(0.05)
        assert plugin.cancelled.is_set()
        assert await asyncio.wait([call])
        assert call.cancelled() or call.exception() is not None
    assert "stopping with 1 requests unfinished" in caplog.text
