"""The plugins of a worker, made of reports, over connections that the test controls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from servehttp.plugins.backoff import RestartPolicy
from servehttp.plugins.states import PluginState
from servehttp.workers.messages import Gone, Report, Settled
from servehttp.workers.mirror import MirroredPlugin, MirrorPolicy
from servehttp.workers.mirrors import Mirrors
from support.patience import PATIENCE
from support.supervision import Connections, until

pytestmark = pytest.mark.anyio

POLICY = MirrorPolicy(
    connect_timeout=5, drain_timeout=5, restart=RestartPolicy(0.01, longest_delay=0.02, limit=None, window=60)
)


class Stage:
    """A worker's plugins, and the main process's part played by the test."""

    def __init__(self) -> None:
        self.connections: dict[tuple[str, int | None], Connections] = {}
        self.settled: list[str] = []
        self.mirrors = Mirrors(self._make)

    def _make(self, plugin_id: str, number: int | None, generation: int) -> MirroredPlugin:
        connections = self.connections[plugin_id, number] = Connections()
        return MirroredPlugin(plugin_id, connections, POLICY, self._note, number, generation)

    def _note(self, settled: Settled) -> None:
        self.settled.append(settled.replica)

    def tell(self, plugin_id: str, number: int | None, state: str = "running", generation: int = 0) -> None:
        replica = {} if number is None else {"replica": number}
        about = {"id": plugin_id, **replica, "state": state, "reason": None, "restarts": 0, "started_in": None}
        self.mirrors.tell(Report(1, "unix:/s" if state == "running" else None, about, generation))

    def shown(self) -> dict[str, tuple[str, list[int | None]]]:
        return {
            plugin.id: (plugin.state.value, [replica.number for replica in plugin.replicas])
            for plugin in self.mirrors.registry
        }


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    stage = Stage()
    try:
        async with asyncio.timeout(PATIENCE):
            yield stage
    finally:
        async with asyncio.timeout(PATIENCE):
            await stage.mirrors.stop()


async def test_what_was_reported_is_connected_to_and_is_one_plugin_by_its_id() -> None:
    async with staged() as stage:
        for which in (("one", None), ("two", 2), ("two", 1)):
            stage.tell(*which)
        await stage.mirrors.start()
        assert stage.shown() == {"one": ("running", [None]), "two": ("running", [1, 2])}
        assert set(stage.settled) == {"one", "two[1]", "two[2]"}
        plugin = stage.mirrors.registry.get("two")
        assert plugin is not None
        used = {plugin.link}
        busy = stage.connections["two", 2].last.carrier
        busy.in_flight = busy.opened = 1
        assert used | {plugin.link} <= {made.links[0] for made in stage.connections.values()}
        assert plugin.link is stage.connections["two", 1].links[0]


async def test_what_is_reported_later_is_followed_at_once() -> None:
    async with staged() as stage:
        await stage.mirrors.start()
        stage.tell("late", 1)
        await until(lambda: stage.shown() == {"late": ("running", [1])})
        stage.tell("late", 2, "stopped")
        assert stage.shown() == {"late": ("running", [1, 2])}


async def test_what_is_gone_is_hung_up_on_and_shown_no_more() -> None:
    async with staged() as stage:
        for which in (("one", None), ("two", 1), ("two", 2)):
            stage.tell(*which)
        await stage.mirrors.start()
        stage.mirrors.forget(Gone("two", 2))
        stage.mirrors.forget(Gone("two", 2))
        assert stage.shown() == {"one": ("running", [None]), "two": ("running", [1])}
        await until(lambda: stage.connections["two", 2].last.calls == ["close"])
        stage.mirrors.forget(Gone("two", 1))
        stage.mirrors.forget(Gone("one", None))
        assert stage.shown() == {}


async def test_a_plugin_may_come_back_with_another_number_of_processes() -> None:
    async with staged() as stage:
        stage.tell("one", None)
        await stage.mirrors.start()
        stage.mirrors.forget(Gone("one", None))
        stage.tell("one", 1)
        stage.tell("one", 2)
        await until(lambda: stage.shown() == {"one": ("running", [1, 2])})
        for number in (1, 2):
            stage.mirrors.forget(Gone("one", number))
        stage.tell("one", None)
        await until(lambda: stage.shown() == {"one": ("running", [None])})
        plugin = stage.mirrors.registry.get("one")
        assert plugin is not None
        assert (plugin.state, plugin.link) == (PluginState.RUNNING, stage.connections["one", None].links[-1])


async def test_requests_go_to_the_newest_version_that_runs() -> None:
    async with staged() as stage:
        stage.tell("one", None)
        await stage.mirrors.start()
        first = stage.mirrors.registry.get("one")
        stage.tell("one", None, "starting", generation=1)
        assert stage.mirrors.registry.get("one") is first
        stage.tell("one", None, generation=1)
        await until(lambda: "one+1" in stage.settled)
        second = stage.mirrors.registry.get("one")
        assert second is not None
        assert (second.generation, second.state) == (1, PluginState.RUNNING)
        stage.tell("one", None, "stopping")
        stage.mirrors.forget(Gone("one", None))
        assert stage.mirrors.registry.get("one") is second


async def test_where_no_version_runs_requests_stay_where_they_are() -> None:
    async with staged() as stage:
        stage.tell("one", 1)
        await stage.mirrors.start()
        stage.tell("one", 1, "starting", generation=1)
        stage.tell("one", 1, "restarting")
        present = stage.mirrors.registry.get("one")
        assert present is not None
        assert (present.generation, present.state) == (0, PluginState.RESTARTING)
        stage.mirrors.forget(Gone("one", 1, 1))
        assert stage.mirrors.registry.get("one") is present
        stage.mirrors.forget(Gone("one", 1))
        assert stage.shown() == {}
