"""Several replicas as one plugin, over runs and connections that the test controls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from servehttp.errors import PluginStartError
from servehttp.plugins.handle import Replica
from servehttp.plugins.registry import Registry
from servehttp.plugins.replicas import ReplicatedPlugin
from servehttp.plugins.runner import RunnerError
from servehttp.plugins.states import COMING_UP, PluginState
from servehttp.plugins.supervisor import SupervisedPlugin
from support.handles import IdlePlugin
from support.patience import PATIENCE
from support.supervision import (
    POLICY,
    Connections,
    Launches,
    log_records,  # noqa: F401  # pytest uses it
    reached,
    until,
)

pytestmark = pytest.mark.anyio

ID = "com.example.test"


class Stage:
    """A plugin with replicas, and what each runs as and is connected by."""

    def __init__(self, count: int, *refusals: RunnerError | None, **policy: Any) -> None:
        self.launches = [Launches(*refusals) for _ in range(count)]
        self.connections = [Connections() for _ in range(count)]
        self.replicas = [
            SupervisedPlugin(ID, launch, connect, replace(POLICY, **policy), number=number)
            for number, (launch, connect) in enumerate(zip(self.launches, self.connections, strict=True), 1)
        ]
        self.plugin = ReplicatedPlugin(ID, self.replicas)
        self.registry = Registry([self.plugin], None)

    @property
    def states(self) -> list[str]:
        return [replica.state.value for replica in self.replicas]


@asynccontextmanager
async def staged(count: int, *refusals: RunnerError | None, **policy: Any) -> AsyncIterator[Stage]:
    stage = Stage(count, *refusals, **policy)
    try:
        async with asyncio.timeout(PATIENCE):
            yield stage
    finally:
        async with asyncio.timeout(PATIENCE):
            await stage.registry.stop()
        assert set(stage.states) == {"stopped"}
        assert stage.plugin.state is PluginState.STOPPED


async def test_all_start_and_stop_as_one_plugin() -> None:
    async with staged(3) as stage:
        assert await stage.registry.start() == {ID: None}
        assert (stage.plugin.state, stage.plugin.reason, stage.states) == ("running", None, ["running"] * 3)
        assert [replica.name for replica in stage.plugin.replicas] == [f"{ID}[{number}]" for number in (1, 2, 3)]
        await stage.plugin.stop()
        assert all(made.last.calls == ["activate", "drain", "deactivate", "close"] for made in stage.connections)
        assert stage.plugin.link is None


async def test_what_is_new_goes_to_those_that_run_in_turn() -> None:
    async with staged(2) as stage:
        await stage.registry.start()
        links = [made.links[-1] for made in stage.connections]
        used = []
        for _ in range(4):
            used.append(stage.plugin.link)
            stage.connections[links.index(used[-1])].last.carrier.opened += 1  # type: ignore[arg-type]  # it is one of them
        assert used == links * 2
        stage.launches[0].last.ended.set_result("was killed by SIGKILL")
        await reached(stage.replicas[0], PluginState.RESTARTING)
        assert {stage.plugin.link for _ in range(4)} == {links[1]}
        await reached(stage.replicas[0], PluginState.RUNNING)
        stage.connections[1].last.carrier.in_flight = 1
        assert stage.plugin.link is stage.connections[0].links[-1]
        assert stage.connections[1].last.calls == ["activate"], "what happens to one does not touch the other"


async def test_it_runs_while_one_runs_and_tells_of_the_others(records: list[Any]) -> None:
    async with staged(2, restart=replace(POLICY.restart, limit=1)) as stage:
        await stage.registry.start()
        stage.launches[1].last.ended.set_result("exited with code 3")
        await reached(stage.replicas[1], PluginState.FAILED)
        assert (stage.plugin.state, stage.plugin.reason) == (
            "running",
            "1 of 2 replicas run; [2] is failed: exited with code 3",
        )
        facts = stage.plugin.describe()
        parts = facts.pop("replicas")
        assert isinstance(parts, list)
        assert [(part["replica"], part["state"], part["reason"]) for part in parts] == [
            (1, "running", None),
            (2, "failed", "exited with code 3"),
        ]
        assert {name: facts[name] for name in ("id", "state", "restarts", "in_flight")} == {
            "id": ID,
            "state": "running",
            "restarts": 0,
            "in_flight": 0,
        }
        stage.launches[0].last.ended.set_result("exited with code 4")
        await reached(stage.replicas[0], PluginState.FAILED)
        assert stage.plugin.state is PluginState.FAILED
        assert stage.plugin.link is None
    told = [(record["plugin"], record["replica"]) for record in records if record["event"] == "plugin stays down"]
    assert told == [(ID, 2), (ID, 1)]


async def test_it_has_started_when_one_has_and_failed_when_none_has() -> None:
    async with staged(2) as stage:
        stage.connections[0].refuse = "nobody answered"
        assert await stage.registry.start() == {ID: None}
        stage.connections[0].refuse = None
    async with staged(2, *[RunnerError("no luck", permanent=True)] * 2) as stage:
        problem = (await stage.registry.start())[ID]
        assert problem is not None
        assert problem.reason == "no luck"
        assert stage.plugin.state is PluginState.FAILED
        with pytest.raises(PluginStartError, match="no luck"):
            await stage.registry.start_one(stage.plugin)
        await stage.registry.start_one(stage.plugin)
        assert stage.states == ["running", "running"]


async def test_to_start_it_starts_those_that_are_down_and_leaves_the_others_alone() -> None:
    async with staged(2, restart=replace(POLICY.restart, limit=1)) as stage:
        await stage.registry.start()
        stage.launches[1].last.ended.set_result("exited with code 3")
        await reached(stage.replicas[1], PluginState.FAILED)
        await stage.registry.start_one(stage.plugin)
        assert (stage.states, stage.plugin.reason) == (["running", "running"], None)
        assert [len(launches.made) for launches in stage.launches] == [1, 2]


async def test_every_plugins_first_replica_is_started_before_any_ones_second() -> None:
    begun: list[str] = []

    class Starting(IdlePlugin):
        def queue(self) -> None:
            self.become(PluginState.QUEUED)

        async def start(self) -> None:
            begun.append(self.name)
            await super().start()

    one, two = ([Starting(id, number=number) for number in (1, 2)] for id in ("one", "two"))
    await Registry([ReplicatedPlugin("one", one), ReplicatedPlugin("two", two)], None).start()
    assert begun == ["one[1]", "two[1]", "one[2]", "two[2]"]


# Restarts


async def test_a_restart_takes_one_after_the_other_and_always_leaves_one_that_serves() -> None:
    async with staged(3) as stage:
        await stage.registry.start()
        seen: list[list[str]] = []
        for replica in stage.replicas:
            told, look = replica.changed, lambda: seen.append(stage.states)
            assert told is not None
            replica.changed = both(told, look)
        await stage.registry.restart(stage.plugin)
        assert all(states.count("running") >= 2 for states in seen)
        assert [len(launches.made) for launches in stage.launches] == [2, 2, 2]
        assert [made.made[0].calls for made in stage.connections] == [["activate", "drain", "deactivate", "close"]] * 3
        assert (stage.states, stage.plugin.restarts) == (["running"] * 3, 0)
        assert {state for states in seen for state in states} == {"running", "draining", "queued", "starting"}


def both(first: Any, second: Any) -> Any:
    def call() -> None:
        first()
        second()

    return call


async def test_while_one_drains_what_it_has_goes_on_and_what_is_new_goes_elsewhere() -> None:
    async with staged(2) as stage:
        await stage.registry.start()
        first, second = (made.links[-1] for made in stage.connections)
        stage.connections[0].last.hold["drain"] = asyncio.Event()
        restart = asyncio.create_task(stage.registry.restart(stage.plugin))
        await reached(stage.replicas[0], PluginState.DRAINING)
        assert {stage.plugin.link for _ in range(3)} == {second}
        assert stage.replicas[0].link is first
        assert stage.plugin.state is PluginState.RUNNING
        stage.connections[0].last.hold["drain"].set()
        await restart


async def test_a_replica_that_does_not_come_back_ends_the_restart_and_the_others_serve_on() -> None:
    async with staged(2, restart=replace(POLICY.restart, first_delay=600, longest_delay=600)) as stage:
        await stage.registry.start()
        stage.connections[0].refuse = "its code is broken"
        with pytest.raises(PluginStartError, match="its code is broken"):
            await stage.registry.restart(stage.plugin)
        assert stage.states == ["restarting", "running"]
        assert len(stage.launches[1].made) == 1


async def test_one_that_runs_is_not_stopped_while_the_other_is_only_on_its_way() -> None:
    async with staged(2) as stage:
        await stage.registry.start()
        stage.connections[1].refuse = "not yet"
        stage.launches[1].last.ended.set_result("was killed by SIGKILL")
        await reached(stage.replicas[1], PluginState.RESTARTING)
        restart = asyncio.create_task(stage.registry.restart(stage.plugin))
        await until(lambda: len(stage.connections[1].targets) == 2)
        assert (stage.replicas[0].state, len(stage.launches[0].made)) == ("running", 1)
        stage.connections[1].refuse = None
        await restart
        assert (stage.states, len(stage.launches[0].made)) == (["running"] * 2, 2)


async def test_one_that_runs_waits_for_the_other_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servehttp.plugins.replicas.ANOTHER_SERVES", 0.02)
    async with staged(2, restart=replace(POLICY.restart, first_delay=600, longest_delay=600)) as stage:
        await stage.registry.start()
        stage.launches[1].last.ended.set_result("was killed by SIGKILL")
        await reached(stage.replicas[1], PluginState.RESTARTING)
        await stage.registry.restart(stage.plugin)
        assert (stage.states, [len(launches.made) for launches in stage.launches]) == (["running"] * 2, [2, 2])


async def test_a_stop_in_the_midst_of_a_restart_stops_all() -> None:
    async with staged(2) as stage:
        await stage.registry.start()
        stage.connections[0].last.hold["drain"] = asyncio.Event()
        restart = asyncio.create_task(stage.registry.restart(stage.plugin))
        await reached(stage.replicas[0], PluginState.DRAINING)
        stop = asyncio.create_task(stage.plugin.stop())
        await reached(stage.replicas[1], PluginState.STOPPED)
        stage.connections[0].last.hold["drain"].set()
        with pytest.raises(PluginStartError, match="it was stopped"):
            await restart
        await stop
        assert (stage.states, len(stage.launches[1].made)) == (["stopped", "stopped"], 1)


async def test_restarts_of_one_plugin_come_one_after_the_other() -> None:
    async with staged(2) as stage:
        await stage.registry.start()
        await asyncio.gather(*(stage.registry.restart(stage.plugin) for _ in range(2)))
        assert [len(launches.made) for launches in stage.launches] == [3, 3]


async def test_what_is_stopped_stays_stopped_and_what_runs_once_is_restarted_too() -> None:
    launches, connections = Launches(), Connections()
    plugin = SupervisedPlugin(ID, launches, connections, POLICY)
    registry = Registry([plugin], None)
    await registry.restart(plugin)
    assert launches.made == []
    await registry.start()
    await registry.restart(plugin)
    assert (plugin.state, len(launches.made)) == ("running", 2)
    await registry.stop()


# The whole, by its parts


@pytest.mark.parametrize("states", list(product(PluginState, repeat=2)), ids="-".join)
def test_it_runs_if_one_runs_and_is_on_its_way_if_one_is(states: tuple[PluginState, PluginState]) -> None:
    parts: list[Replica] = [IdlePlugin(ID, state, number=number) for number, state in enumerate(states, 1)]
    whole = ReplicatedPlugin(ID, parts)
    assert whole.state in states
    if PluginState.RUNNING in states:
        assert whole.state is PluginState.RUNNING
    elif COMING_UP & set(states):
        assert whole.state in COMING_UP
    assert (whole.reason is None) == (set(states) == {PluginState.RUNNING} or PluginState.RUNNING not in states)


def test_replicas_may_come_and_go() -> None:
    whole = ReplicatedPlugin(ID)
    assert (whole.state, whole.link, whole.replicas) == (PluginState.STOPPED, None, [])
    two, one = IdlePlugin(ID, PluginState.RUNNING, number=2), IdlePlugin(ID, PluginState.QUEUED, number=1)
    whole.add(two)
    whole.add(one)
    assert whole.replicas == [one, two]
    whole.remove(two)
    assert (whole.state, whole.replicas) == (PluginState.QUEUED, [one])
    two.become(PluginState.FAILED)
    assert whole.state is PluginState.QUEUED
