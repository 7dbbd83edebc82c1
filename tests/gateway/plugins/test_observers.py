"""What other processes that connect to a plugin are told, and that they are waited for."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from servehttp.plugins.handle import Replica
from servehttp.plugins.process import PluginProcess
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.states import PluginState
from servehttp.plugins.supervision import SupervisionPolicy
from servehttp.plugins.supervisor import SupervisedPlugin
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE
from support.supervision import HANDSHAKE, POLICY, WAIT, Connections, is_alive, spec

pytestmark = pytest.mark.anyio

TARGET = "127.0.0.1:1"


class PluginObservers:
    """Keeps what it is told, and settles when the test lets it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str | None]] = []
        self.asked: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()
        self.may_settle = asyncio.Event()
        self.may_settle.set()

    def notify(self, replica: Replica) -> None:
        self.told.append((replica.state.value, replica.target))

    async def settled(self, name: str) -> None:
        assert name == "com.example.test"
        self.asked.put_nowait(self.told[-1])
        await self.may_settle.wait()

    def forget_replica(self, replica: Replica) -> None:
        raise AssertionError("it is the registry that forgets")


@asynccontextmanager
async def followed(
    folder: Path, connections: Connections, policy: SupervisionPolicy = POLICY
) -> AsyncIterator[tuple[SupervisedPlugin, PluginObservers]]:
    """A plugin that runs, as a process that can be connected to in name only."""
    observers = PluginObservers()
    launch = functools.partial(PluginProcess.launch, spec(HANDSHAKE + WAIT, folder), Reaper())
    plugin = SupervisedPlugin("com.example.test", launch, connections, policy, observers)
    try:
        async with asyncio.timeout(PATIENCE):
            await plugin.start()
            yield plugin, observers
    finally:
        observers.may_settle.set()
        async with asyncio.timeout(PATIENCE):
            await plugin.stop()


def pid_of(plugin: SupervisedPlugin) -> int:
    pid = plugin.describe()["pid"]
    assert isinstance(pid, int)
    return pid


async def test_they_are_told_of_every_state_and_of_the_target_while_there_is_one(tmp_path: Path) -> None:
    async with followed(tmp_path, Connections()) as (plugin, observers):
        os.kill(pid_of(plugin), signal.SIGKILL)
        await plugin.wait_for(PluginState.RESTARTING)
        await plugin.wait_for(PluginState.RUNNING)
    assert observers.told == [
        ("starting", None),
        ("running", TARGET),
        ("restarting", TARGET),
        ("restarting", None),
        ("starting", None),
        ("running", TARGET),
        ("stopping", TARGET),
        ("stopping", None),
        ("stopped", None),
    ]


async def test_they_have_drained_before_ondeactivate_and_hung_up_before_the_process_is_ended(tmp_path: Path) -> None:
    connections = Connections()
    patient = replace(POLICY, drain_timeout=30)
    async with followed(tmp_path, connections, patient) as (plugin, observers):
        pid = pid_of(plugin)
        observers.may_settle.clear()
        stop = asyncio.create_task(plugin.stop())
        assert await observers.asked.get() == ("stopping", TARGET)
        assert connections.last.calls == ["activate", "drain"]
        observers.may_settle.set()
        observers.may_settle.clear()
        assert await observers.asked.get() == ("stopping", None)
        assert connections.last.calls == ["activate", "drain", "deactivate", "close"]
        assert is_alive(pid)
        observers.may_settle.set()
        await stop
        assert not is_alive(pid)


async def test_a_connection_that_is_made_again_leaves_theirs_alone(tmp_path: Path) -> None:
    connections = Connections()
    async with followed(tmp_path, connections) as (plugin, observers):
        connections.last.lost.set_result("the tunnel broke")
        await plugin.wait_for(PluginState.RESTARTING)
        await plugin.wait_for(PluginState.RUNNING)
        assert observers.told[1:] == [("running", TARGET), ("restarting", TARGET), ("running", TARGET)]
        assert observers.asked.empty()


async def test_those_that_never_settle_are_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servehttp.plugins.supervisor.CLOSE_TIMEOUT", 0.05)
    connections = Connections()
    hasty = replace(POLICY, drain_timeout=0.05)
    async with followed(tmp_path, connections, hasty) as (plugin, observers):
        observers.may_settle.clear()
        await plugin.stop()
        assert plugin.state is PluginState.STOPPED
    assert connections.last.calls == ["activate", "drain", "deactivate", "close"]
