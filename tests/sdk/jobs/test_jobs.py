"""Jobs of a plugin: when they run, and that only one process at a time does."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from mattermost_plugin import HookRegistrationError, Plugin, RuntimeConfig, daily, every
from mattermost_plugin.jobs import lease
from mattermost_plugin.jobs.lease import Lease, MemoryStore
from mattermost_plugin.testing import BlockingPlugin, HookFirer, JobClock, running
from servehttp.testing import FakeAPI
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


class Busy(Plugin):
    """Notes what runs when."""

    def __init__(self, api: object = None, config: RuntimeConfig | None = None) -> None:
        super().__init__(api, config)
        self.ran: list[str] = []

    @every(3600)
    async def hourly(self) -> None:
        self.ran.append("hourly")

    @daily("03:00")
    def nightly(self) -> None:
        self.ran.append(f"nightly {threading.current_thread() is threading.main_thread()}")


busy = pytest.mark.plugin(cls=Busy)


# When


@busy
async def test_a_job_first_runs_after_its_time(plugin: Busy, hooks: HookFirer, job_clock: JobClock) -> None:
    await job_clock.travel(minutes=59)
    assert plugin.ran.count("hourly") == 0
    await job_clock.travel(minutes=1)
    assert plugin.ran.count("hourly") == 1
    await job_clock.travel(hours=5)
    assert plugin.ran.count("hourly") == 6


@busy
async def test_a_daily_job_runs_at_its_time_of_day(plugin: Busy, hooks: HookFirer, job_clock: JobClock) -> None:
    await job_clock.travel_to(2, 59)
    before = plugin.ran.count("nightly False")
    await job_clock.travel(minutes=1)
    assert plugin.ran.count("nightly False") == before + 1
    await job_clock.travel(days=3)
    assert plugin.ran.count("nightly False") == before + 4


@busy
def test_a_test_that_is_not_async_travels_too(
    plugin: Busy, blocking_plugin: BlockingPlugin, job_clock: JobClock
) -> None:
    blocking_plugin.call(job_clock.travel, hours=2)
    assert plugin.ran.count("hourly") == 2


async def test_what_was_missed_while_nothing_ran_runs_once_at_the_next_start(fake_api: FakeAPI) -> None:
    clock = JobClock()
    async with running(Busy(config=fake_api.config), host=fake_api, clock=clock):
        await clock.travel(minutes=30)
    later = JobClock()
    later._now = clock.now() + timedelta(hours=5).total_seconds()
    plugin = Busy(config=fake_api.config)
    async with running(plugin, host=fake_api, clock=later):
        await later.travel(1)
        assert plugin.ran.count("hourly") == 1
        await later.travel(hours=1)
        assert plugin.ran.count("hourly") == 2


async def test_jitter_makes_a_run_later(job_clock: JobClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda least, most: most)

    class Late(Busy):
        @every(3600, jitter=60)
        async def hourly(self) -> None:
            await super().hourly()

    plugin = Late()
    async with running(plugin, clock=job_clock):
        await job_clock.travel(hours=1, seconds=59)
        assert plugin.ran.count("hourly") == 0
        await job_clock.travel(1)
        assert plugin.ran.count("hourly") == 1
        await job_clock.travel(3599)
        assert plugin.ran.count("hourly") == 1
        await job_clock.travel(1)
        assert plugin.ran.count("hourly") == 2


# Which process


async def test_of_several_processes_one_runs_a_job(fake_api: FakeAPI) -> None:
    clocks = [JobClock(), JobClock()]
    plugins = [Busy(config=fake_api.config) for _ in clocks]
    async with running(plugins[0], clock=clocks[0]), running(plugins[1], clock=clocks[1]):
        for _ in range(4):
            await asyncio.gather(*(clock.travel(hours=1) for clock in clocks))
    ran = [plugin.ran.count("hourly") for plugin in plugins]
    assert sum(ran) in (4, 5), "a clock may be half a moment ahead of the other"


class Held(Plugin):
    """Has a job that ends when the test says so."""

    def __init__(self, api: object = None, config: RuntimeConfig | None = None) -> None:
        super().__init__(api, config)
        self.begun = asyncio.Event()
        self.end = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.runs = 0

    @every(1)
    async def work(self) -> None:
        self.runs += 1
        self.begun.set()
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


async def test_a_job_that_runs_does_not_begin_elsewhere(fake_api: FakeAPI) -> None:
    clocks = [JobClock(), JobClock()]
    first, second = (Held(config=fake_api.config) for _ in clocks)
    async with running(first, clock=clocks[0]), asyncio.timeout(PATIENCE):
        journey = asyncio.create_task(clocks[0].travel(2))
        await first.begun.wait()
        async with running(second, clock=clocks[1]):
            await clocks[1].travel(60)
            assert second.runs == 0
            first.end.set()
            await journey
            second.end.set()
            await clocks[1].travel(60)
            assert second.runs > 0


async def test_one_that_was_cut_off_is_begun_again_by_the_next_process(fake_api: FakeAPI) -> None:
    clock = JobClock()
    first, second = (Held(config=fake_api.config) for _ in range(2))
    async with asyncio.timeout(PATIENCE):
        async with running(first, clock=clock):
            journey = asyncio.create_task(clock.travel(1))
            await first.begun.wait()
        assert first.cancelled.is_set()
        journey.cancel()
        second.end.set()
        async with running(second, clock=clock):
            await clock.travel(0.5)
    assert second.runs == 1


async def test_without_a_host_the_first_process_runs_them(job_clock: JobClock) -> None:
    for replica, runs in ((1, 2), (2, 0)):
        plugin, clock = Busy(config=RuntimeConfig(api_target="", replica=replica)), JobClock()
        async with running(plugin, clock=clock):
            clock.jobs = clock.jobs if runs else 0
            await clock.travel(hours=2)
        assert plugin.ran.count("hourly") == runs


# A lease


async def test_a_lease_is_one_processs_until_it_is_given_back() -> None:
    store = MemoryStore()
    mine, yours = Lease(store, "k", "mine"), Lease(store, "k", "yours")
    assert await mine.acquire()
    assert not await yours.acquire()
    await yours.release()
    assert not await yours.acquire()
    await mine.release()
    assert await yours.acquire()


async def test_a_lease_that_is_lost_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEWAL", 0.0)
    store = MemoryStore()
    mine = Lease(store, "k", "mine")
    assert await mine.acquire()
    keeping = asyncio.create_task(mine.keep())
    await asyncio.sleep(0)
    assert not keeping.done()
    await store.kv_set("k", b"yours")
    await asyncio.wait_for(keeping, PATIENCE)


async def test_a_lease_that_cannot_be_renewed_is_given_up_before_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(MemoryStore):
        async def kv_set_with_options(self, *arguments: object, **options: object) -> bool:
            raise ConnectionError("the host is away")

    for name, value in {"LEASE": 0.3, "RENEWAL": 0.01, "RETRY": 0.01, "CALL_TIMEOUT": 0.1}.items():
        monkeypatch.setattr(lease, name, value)
    await asyncio.wait_for(Lease(Gone(), "k", "mine").keep(), PATIENCE)


async def test_a_job_whose_lease_is_lost_is_cancelled(
    fake_api: FakeAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lease, "RENEWAL", 0.01)
    plugin, clock = Held(config=fake_api.config), JobClock()
    async with running(plugin, clock=clock), asyncio.timeout(PATIENCE):
        journey = asyncio.create_task(clock.travel(1))
        await plugin.begun.wait()
        await plugin.async_api.kv_set("_job_lease_work", b"another process")
        await plugin.cancelled.wait()
        await journey
    assert "job work was cancelled: another process may run it by now" in caplog.text


# Failures and ends


async def test_a_job_that_fails_is_in_the_log_by_its_name_and_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Busy):
        async def hourly(self) -> None:
            self.ran.append("failed")
            raise ValueError("out of paper")

    plugin, clock = Failing(), JobClock()
    async with running(plugin, clock=clock):
        await clock.travel(hours=2)
    assert plugin.ran.count("failed") == 2
    assert "job hourly failed: out of paper" in caplog.text


async def test_a_job_that_exits_ends_nothing_but_itself(caplog: pytest.LogCaptureFixture) -> None:
    class Leaving(Busy):
        async def hourly(self) -> None:
            raise SystemExit(3)

        def nightly(self) -> None:
            raise SystemExit(4)

    clock = JobClock()
    async with running(Leaving(), clock=clock):
        await clock.travel(days=1)
    assert caplog.text.count("job hourly failed: 3") == 24
    assert caplog.text.count("job nightly failed: 4") == 1


async def test_a_host_that_is_away_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    class Away(MemoryStore):
        away = True

        async def kv_get(self, key: str, *, timeout: float | None = None) -> bytes | None:
            if self.away:
                raise ConnectionError("the host is away")
            return await super().kv_get(key, timeout=timeout)

    store, plugin, clock = Away(), Busy(), JobClock()
    plugin._async_api = store
    async with running(plugin, clock=clock):
        await clock.travel(minutes=1)
        store.away = False
        await clock.travel(hours=2)
    assert plugin.ran.count("hourly") == 1
    assert caplog.text.count("job hourly waits for the host: the host is away") == 1


async def test_a_plugin_that_is_activated_twice_runs_its_jobs_once(job_clock: JobClock) -> None:
    plugin = Busy()
    async with running(plugin, clock=job_clock) as started:
        await started.hooks.fire("OnActivate")
        while len(plugin.tasks) > 2:
            await asyncio.sleep(0)
        await job_clock.travel(hours=1)
        assert plugin.ran.count("hourly") == 1


async def test_nothing_runs_after_the_plugin_was_deactivated() -> None:
    plugin, clock = Busy(), JobClock()
    async with running(plugin, clock=clock):
        assert len(plugin.tasks) == 2
    assert len(plugin.tasks) == 0
    assert not clock._sleepers


async def test_a_subclass_drops_a_job() -> None:
    class Fewer(Busy):
        nightly = None  # type: ignore[assignment]

    plugin, clock = Fewer(), JobClock()
    async with running(plugin, clock=clock):
        await clock.travel(days=1)
    assert plugin.ran == ["hourly"] * 24


# What is refused


@pytest.mark.parametrize("seconds", [0, 0.5, -1, float("nan"), float("inf"), "60", True])
def test_an_interval_is_a_number_of_seconds(seconds: float) -> None:
    with pytest.raises(HookRegistrationError, match="@every takes seconds, at least 1"):
        every(seconds)


@pytest.mark.parametrize("at", ["", "3:00", "03", "24:00", "03:60", "03:00:00", "０３:００", 3])
def test_a_time_of_day_is_hours_and_minutes(at: str) -> None:
    with pytest.raises(HookRegistrationError, match="@daily takes a time of day"):
        daily(at)


def test_a_timezone_and_a_jitter_are_checked() -> None:
    for zone in ("Nowhere/Atlantis", "../etc/passwd", ""):
        with pytest.raises(HookRegistrationError, match="timezone= is a name"):
            daily("03:00", timezone=zone)
    daily("03:00", timezone="Europe/Berlin")
    with pytest.raises(HookRegistrationError, match="jitter= is a number of seconds"):
        every(60, jitter=-1)


def test_a_method_that_wants_arguments_is_no_job() -> None:
    with pytest.raises(HookRegistrationError, match=r"test_jobs\.py:\d+: .*work cannot be a job.*missing.*'what'"):

        class Wanting(Plugin):
            @every(60)
            def work(self, what: str) -> None: ...
