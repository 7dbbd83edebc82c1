"""A plugin in a worker, with connections that the test controls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from servehttp.plugins.backoff import RestartPolicy
from servehttp.plugins.states import PluginState
from servehttp.workers.messages import Report, Settled
from servehttp.workers.mirror import MirroredPlugin, MirrorPolicy
from support.patience import PATIENCE
from support.supervision import Connections, until

pytestmark = pytest.mark.anyio

POLICY = MirrorPolicy(
    connect_timeout=5, drain_timeout=30, restart=RestartPolicy(0.01, longest_delay=0.02, limit=None, window=60)
)


class Stage:
    """A mirrored plugin, and the main process's part played by the test."""

    def __init__(self, policy: MirrorPolicy = POLICY) -> None:
        self.connections = Connections()
        self.settled: asyncio.Queue[int] = asyncio.Queue()
        self.plugin = MirroredPlugin("com.example.test", self.connections, policy, self._note)
        self._number = 0

    def _note(self, settled: Settled) -> None:
        assert settled.replica == "com.example.test"
        self.settled.put_nowait(settled.number)

    def tell(self, state: str, target: str | None = None, **about: Any) -> int:
        self._number += 1
        known = {"id": "com.example.test", "state": state, "reason": None, "restarts": 0, "started_in": None}
        self.plugin.tell(Report(self._number, target, known | about))
        return self._number

    async def told(self, state: str, target: str | None = None, **about: Any) -> None:
        """Tell, and wait until it is done."""
        number = self.tell(state, target, **about)
        while await self.settled.get() < number:
            pass


@asynccontextmanager
async def following(state: str = "stopped", target: str | None = None) -> AsyncIterator[Stage]:
    stage = Stage()
    stage.tell(state, target)
    try:
        async with asyncio.timeout(PATIENCE):
            await stage.plugin.start()
            yield stage
    finally:
        async with asyncio.timeout(PATIENCE):
            await stage.plugin.stop()


def seen(stage: Stage) -> tuple[PluginState, object]:
    return stage.plugin.state, stage.plugin.link


async def test_it_runs_when_it_runs_there_and_is_connected_to_here() -> None:
    async with following() as stage:
        assert seen(stage) == (PluginState.STOPPED, None)
        await stage.told("starting")
        assert seen(stage) == (PluginState.STARTING, None)
        stage.tell("running", "unix:/a", pid=123)
        assert seen(stage) == (PluginState.STARTING, None)
        await until(lambda: stage.plugin.state is PluginState.RUNNING)
        assert stage.plugin.link is stage.connections.links[-1]
        assert stage.connections.targets == ["unix:/a"]
        assert stage.connections.sessions == [123]


async def test_the_start_waits_for_the_connection_to_what_runs() -> None:
    async with following("running", "unix:/a") as stage:
        assert seen(stage) == (PluginState.RUNNING, stage.connections.links[-1])


async def test_the_start_does_not_wait_for_what_cannot_be_connected_to() -> None:
    stage = Stage()
    stage.connections.refuse = "nothing answered"
    stage.tell("running", "unix:/a")
    try:
        async with asyncio.timeout(PATIENCE):
            await stage.plugin.start()
            assert seen(stage) == (PluginState.RESTARTING, None)
            assert stage.plugin.reason == "nothing answered"
            stage.connections.refuse = None
            await until(lambda: stage.plugin.state is PluginState.RUNNING)
            assert stage.plugin.reason is None
    finally:
        await stage.plugin.stop()


async def test_a_lost_connection_is_made_again_while_the_plugin_runs_there() -> None:
    async with following("running", "unix:/a") as stage:
        lost = stage.connections.last
        lost.lost.set_result("the tunnel broke")
        await until(lambda: len(stage.connections.made) == 2)
        await until(lambda: stage.plugin.state is PluginState.RUNNING)
        assert lost.calls == ["close"]
        assert stage.plugin.link is stage.connections.links[-1]
        assert stage.connections.targets == ["unix:/a", "unix:/a"]


async def test_it_is_not_connected_to_again_once_it_is_down_there() -> None:
    async with following("running", "unix:/a") as stage:
        stage.connections.last.lost.set_result("the tunnel broke")
        await stage.told("restarting", None, reason="was killed by SIGKILL")
        assert seen(stage) == (PluginState.RESTARTING, None)
        assert stage.plugin.reason == "was killed by SIGKILL"
        made = len(stage.connections.made)
        await stage.told("starting", None, restarts=1)
        assert len(stage.connections.made) == made
        assert all(link.calls == ["close"] for link in stage.connections.made)


async def test_requests_see_at_once_that_it_is_not_running_any_more() -> None:
    async with following("running", "unix:/a") as stage:
        number = stage.tell("restarting", "unix:/a", reason="connection lost")
        assert seen(stage) == (PluginState.RESTARTING, None)
        while await stage.settled.get() < number:
            pass
        assert stage.connections.last.calls == []
        await stage.told("running", "unix:/a")
        assert seen(stage) == (PluginState.RUNNING, stage.connections.links[0])
        assert len(stage.connections.made) == 1


async def test_a_stop_is_settled_when_open_requests_have_ended() -> None:
    async with following("running", "unix:/a") as stage:
        link = stage.connections.last
        link.hold["drain"] = asyncio.Event()
        while not stage.settled.empty():
            stage.settled.get_nowait()
        number = stage.tell("stopping", "unix:/a")
        assert seen(stage) == (PluginState.STOPPING, None)
        await until(lambda: link.calls == ["drain"])
        assert stage.settled.empty()
        link.hold["drain"].set()
        assert await stage.settled.get() == number
        await stage.told("stopping", None)
        assert link.calls == ["drain", "close"]


async def test_hanging_up_does_not_wait_for_open_requests() -> None:
    async with following("running", "unix:/a") as stage:
        link = stage.connections.last
        link.hold["drain"] = asyncio.Event()
        stage.tell("stopping", "unix:/a")
        await until(lambda: link.calls == ["drain"])
        await stage.told("stopping", None)
        assert link.calls == ["drain", "close"]


async def test_another_target_is_another_connection() -> None:
    async with following("running", "unix:/a") as stage:
        await stage.told("running", "unix:/b", restarts=1)
        assert stage.connections.targets == ["unix:/a", "unix:/b"]
        assert stage.connections.made[0].calls == ["close"]
        assert seen(stage) == (PluginState.RUNNING, stage.connections.links[1])


async def test_the_same_target_after_none_is_another_connection_however_fast_it_comes() -> None:
    async with following("running", "unix:/a") as stage:
        stage.tell("restarting", None)
        await stage.told("running", "unix:/a", restarts=1)
        assert stage.connections.targets == ["unix:/a", "unix:/a"]
        assert stage.connections.made[0].calls == ["close"]
        assert seen(stage) == (PluginState.RUNNING, stage.connections.links[1])


async def test_a_connection_that_does_not_close_does_not_hold_up_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servehttp.workers.mirror.CLOSE_TIMEOUT", 0.05)

    async def hang() -> None:
        await asyncio.Event().wait()

    async with following("running", "unix:/a") as stage:
        monkeypatch.setattr(stage.connections.last, "close", hang)
        await stage.told("running", "unix:/b")
        assert seen(stage) == (PluginState.RUNNING, stage.connections.links[1])


async def test_an_operator_is_told_what_is_so_in_this_worker() -> None:
    async with following() as stage:
        await stage.told(
            "running", "unix:/a", restarts=2, started_in=0.5, uptime=100.0, pid=4711, transport="servehttp"
        )
        facts = stage.plugin.describe()
        uptime, worker = facts.pop("uptime"), facts.pop("worker")
        assert isinstance(uptime, float)
        assert uptime >= 100.0
        assert isinstance(worker, int)
        assert facts == {
            "id": "com.example.test",
            "state": "running",
            "reason": None,
            "restarts": 2,
            "started_in": 0.5,
            "pid": 4711,
            "transport": "tunnel",
            "in_flight": 0,
        }
        assert (stage.plugin.restarts, stage.plugin.started_in) == (2, 0.5)


async def test_a_stop_hangs_up_whatever_was_going_on() -> None:
    async with following("running", "unix:/a") as stage:
        await stage.plugin.stop()
        assert stage.plugin.link is None
        assert stage.connections.last.calls == ["close"]
    untold = Stage()
    await untold.plugin.stop()
    assert untold.connections.made == []
