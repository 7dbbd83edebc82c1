"""A plugin under supervision: its starts, stops and restarts, over runs and connections that the test controls."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from servehttp.errors import InterpreterError, ManifestError, PluginStartError
from servehttp.plugins.runner import RunnerError
from servehttp.plugins.states import PluginState
from servehttp.plugins.supervisor import FAILURE_GRACE
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE
from support.supervision import (
    POLICY,
    Connections,
    FakeLink,
    FakeRunner,
    Launches,
    in_time,
    log_records,  # noqa: F401  # pytest uses it
    reached,
    refused,
    supervised,
    until,
)

pytestmark = pytest.mark.anyio


async def test_a_start_goes_through_handshake_connection_and_activation() -> None:
    connections = Connections()
    async with supervised(Launches(), connections) as plugin:
        await plugin.start()
        assert plugin.state is PluginState.RUNNING
        assert connections.targets == ["unix:/fake"]
        assert connections.sessions == [plugin.describe()["pid"]] != [None]
        assert connections.last.calls == ["activate"]
        assert plugin.link is connections.links[-1]
        facts = plugin.describe()
    started_in, uptime = facts.pop("started_in"), facts.pop("uptime")
    assert isinstance(started_in, float)
    assert isinstance(uptime, float)
    assert facts == {
        "id": "com.example.test",
        "state": "running",
        "reason": None,
        "restarts": 0,
        "pid": 4711,
        "transport": "tunnel",
        "in_flight": 0,
    }


async def test_a_stop_drains_deactivates_hangs_up_and_then_ends_the_process() -> None:
    launches, connections = Launches(), Connections()
    async with supervised(launches, connections) as plugin:
        await plugin.start()
        await plugin.stop()
        assert connections.last.calls == ["activate", "drain", "deactivate", "close"]
        assert launches.last.calls == [f"stop {POLICY.stop_timeout:g}"]
        await plugin.stop()
        assert launches.last.calls == [f"stop {POLICY.stop_timeout:g}"]


async def test_while_it_drains_open_requests_keep_their_connection() -> None:
    connections = Connections()
    async with supervised(Launches(), connections) as plugin:
        await plugin.start()
        connections.last.hold["drain"] = asyncio.Event()
        stops = [asyncio.create_task(plugin.stop()) for _ in range(2)]
        await reached(plugin, PluginState.STOPPING)
        assert plugin.link is connections.links[-1]
        assert "close" not in connections.last.calls
        connections.last.hold["drain"].set()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*stops)
        assert connections.last.calls.count("deactivate") == 1


async def test_a_plugin_that_ends_while_it_drains_is_not_waited_for() -> None:
    launches, connections = Launches(), Connections()
    patient = replace(POLICY, drain_timeout=60 * PATIENCE)
    async with supervised(launches, connections, patient) as plugin:
        await plugin.start()
        connections.last.hold["drain"] = asyncio.Event()
        stop = asyncio.create_task(plugin.stop())
        await reached(plugin, PluginState.STOPPING)
        launches.last.ended.set_result("exited with code 0")
        await in_time(stop)


async def test_a_failing_activation_is_reported_with_its_text() -> None:
    connections = Connections(lambda: FakeLink(activation="no license"))
    async with supervised(Launches(), connections, replace(POLICY, restart=replace(POLICY.restart, limit=1))) as plugin:
        assert await refused(plugin) == "OnActivate failed: no license"
        assert plugin.state is PluginState.FAILED
        assert plugin.reason == "OnActivate failed: no license"
        assert connections.last.calls == ["activate", "close"]


async def test_supervision_goes_on_after_a_failed_first_start(records: list[Any]) -> None:
    launches = Launches(RunnerError("not yet"))
    async with supervised(launches) as plugin:
        assert await refused(plugin) == "not yet"
        await reached(plugin, PluginState.RUNNING)
        assert plugin.restarts == 1
        assert plugin.reason is None
    assert launches.made[0].calls == [f"stop {FAILURE_GRACE:g}"]
    assert [record["event"] for record in records] == ["plugin is down, another attempt follows", "plugin runs"]


async def test_a_plugin_that_fails_too_often_stays_down_visibly(records: list[Any]) -> None:
    launches = Launches(*(RunnerError("no luck") for _ in range(9)))
    async with supervised(launches) as plugin:
        await refused(plugin)
        await reached(plugin, PluginState.FAILED)
        assert len(launches.made) == 3
        assert plugin.reason == "no luck (given up after 3 failures within 60 s)"
        assert plugin.describe()["pid"] is None
    errors = [record for record in records if record["log_level"] == "error"]
    assert len(errors) == 1
    assert errors[0]["event"] == "plugin stays down"
    assert errors[0]["plugin"] == "com.example.test"
    assert "restart the gateway" in errors[0]["remedy"]


async def test_a_plugin_that_was_given_up_can_be_started_again() -> None:
    launches = Launches(RunnerError("no", permanent=True))
    async with supervised(launches) as plugin:
        await refused(plugin)
        assert plugin.describe()["state"] == "failed"
        await plugin.start()
        assert plugin.state is PluginState.RUNNING
        assert plugin.restarts == 0


@pytest.mark.parametrize(
    "error",
    [
        RunnerError("gone", permanent=True),
        ManifestError(Path("plugin.json"), "server.executable", "there is no file 'plugin.py'", "correct the path"),
        InterpreterError(Path("python"), "is Python 3.8", "use another"),
    ],
)
async def test_what_would_fail_again_in_the_same_way_is_not_tried_again(error: Exception) -> None:
    attempts = 0

    async def launch() -> FakeRunner:
        nonlocal attempts
        attempts += 1
        raise error

    async with supervised(launch) as plugin:
        assert await refused(plugin) == str(error)
        assert plugin.state is PluginState.FAILED
        assert attempts == 1


async def test_a_fault_of_our_own_is_logged_and_does_not_end_supervision(records: list[Any]) -> None:
    attempts = 0

    async def launch() -> FakeRunner:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ZeroDivisionError("oops")
        return FakeRunner()

    async with supervised(launch) as plugin:
        assert "ZeroDivisionError" in await refused(plugin)
        await reached(plugin, PluginState.RUNNING)
    assert records[0]["event"] == "supervision failed"


async def test_the_end_of_the_process_is_noticed_at_once() -> None:
    launches = Launches()
    async with supervised(launches, policy=replace(POLICY, restart=replace(POLICY.restart, first_delay=60))) as plugin:
        await plugin.start()
        launches.last.ended.set_result("was killed by SIGKILL")
        await reached(plugin, PluginState.RESTARTING)
        assert plugin.link is None
        assert plugin.reason == "was killed by SIGKILL"


async def test_the_end_of_the_process_is_the_reason_even_if_the_connection_breaks_first() -> None:
    launches, connections = Launches(), Connections()
    async with supervised(launches, connections) as plugin:
        await plugin.start()
        connections.last.lost.set_result("stream ended")
        await reached(plugin, PluginState.RESTARTING)
        assert plugin.reason == "connection lost: stream ended"
        launches.last.ended.set_result("exited with code 3")
        await reached(plugin, PluginState.STARTING, PluginState.RUNNING)
        assert connections.made[0].calls[-1] == "close"
        await reached(plugin, PluginState.RUNNING)
        assert plugin.link is connections.links[1]


async def test_a_lost_connection_is_made_again_while_the_process_lives() -> None:
    launches, connections = Launches(), Connections()
    async with supervised(launches, connections) as plugin:
        await plugin.start()
        connections.last.lost.set_result("stream ended")
        await reached(plugin, PluginState.RESTARTING)
        await reached(plugin, PluginState.RUNNING)
        assert plugin.link is connections.links[1]
        assert [link.calls for link in connections.made] == [["activate", "close"], []]
        assert (plugin.restarts, len(launches.made)) == (0, 1)


async def test_a_connection_that_is_lost_again_and_again_restarts_the_plugin() -> None:
    launches, connections = Launches(), Connections()
    async with supervised(launches, connections) as plugin:
        await plugin.start()
        for _ in range(3):
            connections.last.lost.set_result("stream ended")
            await reached(plugin, PluginState.RESTARTING)
            await reached(plugin, PluginState.RUNNING)
        assert (plugin.restarts, len(launches.made)) == (1, 2)
        assert launches.made[0].calls == [f"stop {FAILURE_GRACE:g}"]


async def test_a_connection_that_cannot_be_made_again_restarts_the_plugin() -> None:
    launches, connections = Launches(), Connections()
    async with supervised(launches, connections) as plugin:
        await plugin.start()
        connections.refuse = "nothing answered"
        connections.last.lost.set_result("stream ended")
        await reached(plugin, PluginState.RESTARTING)
        await reached(plugin, PluginState.STARTING)
        assert plugin.reason == "nothing answered"
        connections.refuse = None
        await reached(plugin, PluginState.RUNNING)


async def test_failed_health_checks_in_a_row_restart_the_plugin() -> None:
    connections = Connections()
    async with supervised(Launches(), connections, replace(POLICY, health_interval=0.02)) as plugin:
        await plugin.start()
        connections.last.healthy = False
        await reached(plugin, PluginState.RESTARTING)
        assert plugin.reason == (
            "2 health checks in a row failed, the last one with: the plugin's health is not SERVING"
        )
        await reached(plugin, PluginState.RUNNING)


async def test_a_plugin_that_ends_during_its_activation_is_not_waited_for() -> None:
    def make() -> FakeLink:
        link = FakeLink()
        link.hold["activate"] = asyncio.Event()
        return link

    launches, connections = Launches(), Connections(make)
    async with supervised(launches, connections) as plugin:
        start = asyncio.create_task(plugin.start())
        await until(lambda: bool(connections.made and connections.last.calls))
        launches.last.ended.set_result("exited with code 9")
        with pytest.raises(PluginStartError, match="exited with code 9"):
            await start


async def test_a_plugin_that_cannot_be_connected_to_says_so() -> None:
    connections = Connections()
    connections.refuse = "nothing answered"
    async with supervised(Launches(), connections) as plugin:
        assert await refused(plugin) == "nothing answered"


async def test_starting_twice_is_an_error_of_the_caller() -> None:
    async with supervised(Launches()) as plugin:
        await plugin.start()
        with pytest.raises(RuntimeError, match="is running already"):
            await plugin.start()


async def test_a_stop_during_the_back_off_does_not_wait_for_it() -> None:
    launches = Launches(RunnerError("no"))
    patient = replace(POLICY, restart=replace(POLICY.restart, first_delay=60 * PATIENCE, longest_delay=60 * PATIENCE))
    async with supervised(launches, policy=patient) as plugin:
        await refused(plugin)
        assert plugin.state is PluginState.RESTARTING
        await in_time(plugin.stop())


async def test_a_start_nobody_waits_for_any_more_goes_on() -> None:
    async with supervised(Launches()) as plugin:
        start = asyncio.create_task(plugin.start())
        await asyncio.sleep(0)
        start.cancel()
        await reached(plugin, PluginState.RUNNING)


async def test_a_stop_that_is_cancelled_still_ends_the_process() -> None:
    launches, connections = Launches(), Connections()
    patient = replace(POLICY, drain_timeout=60 * PATIENCE)
    async with supervised(launches, connections, patient) as plugin:
        await plugin.start()
        connections.last.hold["drain"] = asyncio.Event()
        stop = asyncio.create_task(plugin.stop())
        await reached(plugin, PluginState.STOPPING)
        await asyncio.sleep(0)
        stop.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stop
        assert plugin.state is PluginState.STOPPED
        assert launches.last.calls == [f"stop {POLICY.stop_timeout:g}"]


async def test_a_lack_of_this_host_is_tried_again_and_never_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servehttp.plugins.supervisor.HOST_LACK_DELAY", 0.01)
    refusals = []
    for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN) * 2:
        refusals.append(RunnerError("cannot run it"))
        refusals[-1].__cause__ = OSError(number, os.strerror(number))
    launches = Launches(*refusals)
    async with supervised(launches) as plugin:
        await refused(plugin)
        await reached(plugin, PluginState.RUNNING)
    assert len(launches.made) == len(refusals) + 1 > POLICY.restart.limit  # type: ignore[operator]  # there is one


async def test_a_start_that_takes_too_long_gets_more_time_and_counts_less_than_a_crash() -> None:
    launches = Launches(*[RunnerError("printed no handshake", timed_out=True)] * 4)
    async with supervised(launches) as plugin:
        assert await refused(plugin) == "printed no handshake"
        await reached(plugin, PluginState.RUNNING)
        factors = [[seconds / POLICY.start_timeout for seconds in runner.timeouts] for runner in launches.made]
        assert factors == [[1], [2], [4], [4], [4]]


async def test_after_good_service_the_restart_comes_at_once() -> None:
    launches = Launches()
    restart = replace(POLICY.restart, first_delay=60 * PATIENCE, longest_delay=60 * PATIENCE, good_service=0.01)
    async with supervised(launches, policy=replace(POLICY, restart=restart)) as plugin:
        await plugin.start()
        await until(lambda: float(str(plugin.describe()["uptime"])) > 0.01)
        launches.last.ended.set_result("was killed by SIGKILL")
        await reached(plugin, PluginState.RESTARTING)
        await reached(plugin, PluginState.RUNNING)
        assert plugin.restarts == 1
