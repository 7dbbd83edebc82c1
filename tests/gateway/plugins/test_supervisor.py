from __future__ import annotations

import asyncio
import errno
import functools
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from servehttp.errors import InterpreterError, ManifestError, PluginStartError
from servehttp.plugins.process import Command, PluginProcess, ProcessSpec
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.runner import RunnerError
from servehttp.plugins.states import PluginState
from servehttp.plugins.supervisor import FAILURE_GRACE, SupervisedPlugin, SupervisionPolicy
from servehttp.plugins.users import User
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.supervision import (
    HANDSHAKE,
    POLICY,
    WAIT,
    Connections,
    FakeLink,
    command_spec,
    no_leaks,
    spec,
    until,
    within,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def records() -> Iterator[list[Any]]:
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as captured:
        yield captured


class FakeRunner:
    """A run that the test ends."""

    pid = 4711

    def __init__(self, refusal: RunnerError | None = None) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.calls: list[str] = []
        self.refusal = refusal

    async def ready(self, timeout: float) -> str:
        if self.refusal is not None:
            raise self.refusal
        return "unix:/fake"

    async def wait(self) -> str:
        return await asyncio.shield(self.ended)

    async def stop(self, grace: float) -> None:
        self.calls.append(f"stop {grace:g}")
        if not self.ended.done():
            self.ended.set_result("was stopped")


class Launches:
    """Gives out fake runs, and keeps them."""

    def __init__(self, *refusals: RunnerError | None) -> None:
        self.made: list[FakeRunner] = []
        self._refusals = list(refusals)

    async def __call__(self) -> FakeRunner:
        self.made.append(FakeRunner(self._refusals.pop(0) if self._refusals else None))
        return self.made[-1]

    @property
    def last(self) -> FakeRunner:
        return self.made[-1]


@asynccontextmanager
async def supervised(
    launch: Any, connect: Connections | None = None, policy: SupervisionPolicy = POLICY
) -> AsyncIterator[SupervisedPlugin]:
    plugin = SupervisedPlugin("com.example.test", launch, connect or Connections(), policy)
    try:
        yield plugin
    finally:
        async with asyncio.timeout(20):
            await plugin.stop()
        assert plugin.state is PluginState.STOPPED
        assert plugin.link is None


def process(code: str, folder: Path) -> Any:
    return functools.partial(PluginProcess.launch, spec(code, folder), Reaper())


async def reached(plugin: SupervisedPlugin, *states: PluginState) -> None:
    async with asyncio.timeout(10):
        await plugin.wait_for(*states)


async def refused(plugin: SupervisedPlugin) -> str:
    with pytest.raises(PluginStartError) as caught:
        await plugin.start()
    assert caught.value.plugin_id == plugin.id
    return caught.value.reason


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
        assert launches.last.calls == ["stop 5"]
        await plugin.stop()
        assert launches.last.calls == ["stop 5"]


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
        async with asyncio.timeout(5):
            await asyncio.gather(*stops)
        assert connections.last.calls.count("deactivate") == 1


async def test_a_plugin_that_ends_while_it_drains_is_not_waited_for() -> None:
    launches, connections = Launches(), Connections()
    async with supervised(launches, connections) as plugin:
        await plugin.start()
        connections.last.hold["drain"] = asyncio.Event()
        stop = asyncio.create_task(plugin.stop())
        await reached(plugin, PluginState.STOPPING)
        launches.last.ended.set_result("exited with code 0")
        await within(2, stop)


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


async def test_a_stop_during_the_start_ends_both(tmp_path: Path) -> None:
    async with supervised(process(WAIT, tmp_path)) as plugin:
        start = asyncio.create_task(plugin.start())
        await reached(plugin, PluginState.STARTING)
        await within(5, plugin.stop())
        with pytest.raises(PluginStartError, match="it was stopped"):
            await start


async def test_a_stop_during_the_back_off_does_not_wait_for_it() -> None:
    launches = Launches(RunnerError("no"))
    patient = replace(POLICY, restart=replace(POLICY.restart, first_delay=600, longest_delay=600))
    async with supervised(launches, policy=patient) as plugin:
        await refused(plugin)
        assert plugin.state is PluginState.RESTARTING
        await within(1, plugin.stop())


async def test_a_start_nobody_waits_for_any_more_goes_on() -> None:
    async with supervised(Launches()) as plugin:
        start = asyncio.create_task(plugin.start())
        await asyncio.sleep(0)
        start.cancel()
        await reached(plugin, PluginState.RUNNING)


async def test_a_stop_that_is_cancelled_still_ends_the_process() -> None:
    launches, connections = Launches(), Connections()
    async with supervised(launches, connections) as plugin:
        await plugin.start()
        connections.last.hold["drain"] = asyncio.Event()
        stop = asyncio.create_task(plugin.stop())
        await reached(plugin, PluginState.STOPPING)
        await asyncio.sleep(0)
        stop.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stop
        assert plugin.state is PluginState.STOPPED
        assert launches.last.calls == ["stop 5"]


async def test_a_plugin_that_exits_at_once_is_given_up_quickly_and_leaves_nothing(tmp_path: Path) -> None:
    async with supervised(process(HANDSHAKE + WAIT, tmp_path)) as plugin:
        await plugin.start()
    with no_leaks():
        code = "import sys; sys.exit('no database')"
        async with supervised(process(code, tmp_path)) as plugin:
            reason = await refused(plugin)
            assert reason == "exited with code 1 before its handshake; last on stderr: no database"
            await reached(plugin, PluginState.FAILED)
            assert plugin.restarts == 2


async def test_a_killed_process_is_replaced_at_once(tmp_path: Path) -> None:
    async with supervised(process(HANDSHAKE + WAIT, tmp_path)) as plugin:
        await plugin.start()
        pid = plugin.describe()["pid"]
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        await reached(plugin, PluginState.RESTARTING)
        assert time.monotonic() - began < 1
        assert plugin.reason == "was killed by SIGKILL"
        await reached(plugin, PluginState.RUNNING)
        assert plugin.describe()["pid"] != pid
        assert plugin.restarts == 1


async def test_a_process_that_hangs_in_its_start_is_ended_in_time(tmp_path: Path) -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAIT
    async with supervised(process(code, tmp_path), policy=replace(POLICY, start_timeout=0.5)) as plugin:
        began = time.monotonic()
        assert await refused(plugin) == "printed no handshake within 0.5 s"
        assert time.monotonic() - began < 0.5 + FAILURE_GRACE + 1


async def test_a_script_that_vanished_is_not_looked_for_again(tmp_path: Path) -> None:
    launch = functools.partial(PluginProcess.launch, command_spec((str(tmp_path / "python"),), tmp_path), Reaper())
    async with supervised(launch) as plugin:
        assert await refused(plugin) == f"cannot run {tmp_path / 'python'}: No such file or directory"
        assert plugin.state is PluginState.FAILED


async def test_the_command_is_looked_for_at_each_start(tmp_path: Path) -> None:
    good = spec(HANDSHAKE + WAIT, tmp_path)
    looked = 0

    async def find_command(user: User | None) -> Command:
        nonlocal looked
        looked += 1
        return await good.find_command(user) if looked > 1 else Command(("false",), tmp_path)

    launch = functools.partial(
        PluginProcess.launch, ProcessSpec(good.plugin_id, find_command, good.environment, good.limits), Reaper()
    )
    async with supervised(launch) as plugin:
        await refused(plugin)
        await reached(plugin, PluginState.RUNNING)
        assert looked == 2


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
    waited: list[float] = []

    async def launch() -> FakeRunner:
        runner = await launches()
        ready = runner.ready

        async def noted(timeout: float) -> str:
            waited.append(timeout)
            return await ready(timeout)

        runner.ready = noted  # type: ignore[method-assign]
        return runner

    async with supervised(launch) as plugin:
        assert await refused(plugin) == "printed no handshake"
        await reached(plugin, PluginState.RUNNING)
        assert waited == [10, 20, 40, 40, 40]


async def test_after_good_service_the_restart_comes_at_once() -> None:
    launches = Launches()
    restart = replace(POLICY.restart, first_delay=600, longest_delay=600, good_service=0.01)
    async with supervised(launches, policy=replace(POLICY, restart=restart)) as plugin:
        await plugin.start()
        await until(lambda: float(str(plugin.describe()["uptime"])) > 0.01)
        launches.last.ended.set_result("was killed by SIGKILL")
        await reached(plugin, PluginState.RESTARTING)
        await reached(plugin, PluginState.RUNNING)
        assert plugin.restarts == 1
