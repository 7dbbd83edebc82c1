"""Background work: when it may start, when it ends, and what becomes of its errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mattermost_plugin import Plugin, hook
from mattermost_plugin.background import BackgroundTasks
from mattermost_plugin.server import PluginServer
from support.hooks import ask
from support.plugin_host import TIMEOUT, Host, eventually, serving

pytestmark = pytest.mark.anyio


class Worker(Plugin):
    """Works from its activation on; what it did is in `log`."""

    refuses = False

    def __init__(self) -> None:
        self.log: list[str] = []

    @hook
    async def OnActivate(self) -> str:
        self.tasks.start(self.work(), name="work")
        await asyncio.sleep(0)
        return "no licence" if self.refuses else ""

    @hook
    async def OnDeactivate(self) -> None:
        self.log.append("deactivating")

    async def work(self) -> None:
        self.log.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            self.log.append("ended")


async def test_a_task_runs_beside_the_hooks_until_the_plugin_is_deactivated() -> None:
    plugin = Worker()
    async with serving(plugin) as (_, host):
        await ask(host, "OnActivate")
        assert (plugin.log, len(plugin.tasks)) == (["begun"], 1)
        await ask(host, "OnDeactivate")
        assert (plugin.log, len(plugin.tasks)) == (["begun", "deactivating", "ended"], 0)


async def test_a_plugin_that_is_activated_again_starts_tasks_again() -> None:
    plugin = Worker()
    async with serving(plugin) as (_, host):
        for call in ("OnActivate", "OnDeactivate", "OnActivate"):
            assert not (await ask(host, call)).HasField("error")
        assert plugin.log == ["begun", "deactivating", "ended", "begun"]


async def test_tasks_end_when_the_plugin_stops() -> None:
    plugin = Worker()
    async with serving(plugin) as (_, host):
        await ask(host, "OnActivate")
    assert plugin.log == ["begun", "ended"]


async def test_tasks_end_when_the_activation_fails() -> None:
    plugin = Worker()
    plugin.refuses = True
    async with serving(plugin) as (_, host):
        assert (await ask(host, "OnActivate")).error.message == "no licence"
        assert plugin.log == ["begun", "ended"]


async def test_tasks_end_when_the_host_gives_the_activation_up() -> None:
    class Slow(Worker):
        @hook
        async def OnActivate(self) -> str:
            self.tasks.start(self.work())
            await asyncio.sleep(TIMEOUT)
            return ""

    plugin = Slow()
    async with serving(plugin) as (_, host):
        call = asyncio.ensure_future(ask(host, "OnActivate"))
        await eventually(lambda: plugin.log == ["begun"])
        call.cancel()
        await eventually(lambda: plugin.log == ["begun", "ended"])


async def test_tasks_end_when_the_deactivation_fails() -> None:
    class Failing(Worker):
        @hook
        async def OnDeactivate(self) -> None:
            raise LookupError("nothing there")

    plugin = Failing()
    async with serving(plugin) as (_, host):
        await ask(host, "OnActivate")
        assert (await ask(host, "OnDeactivate")).HasField("error")
        assert plugin.log == ["begun", "ended"]


async def test_a_deactivated_plugin_starts_no_tasks() -> None:
    plugin = Worker()
    async with serving(plugin) as (_, host):
        await ask(host, "OnActivate")
        await ask(host, "OnDeactivate")
        with pytest.raises(RuntimeError, match="not active any more"):
            plugin.tasks.start(plugin.work())


async def test_the_lifespan_may_start_tasks() -> None:
    class Early(Worker):
        @asynccontextmanager
        async def lifespan(self, app: object) -> AsyncIterator[None]:
            self.tasks.start(self.work())
            yield
            self.log.append("shut down")

    plugin = Early()
    async with serving(plugin):
        await eventually(lambda: plugin.log == ["begun"])
    assert plugin.log == ["begun", "ended", "shut down"]


async def test_tasks_of_a_plugin_that_cannot_start_end() -> None:
    class Broken(Worker):
        @asynccontextmanager
        async def lifespan(self, app: object) -> AsyncIterator[None]:
            self.tasks.start(self.work())
            await asyncio.sleep(0)
            raise LookupError("no database")
            yield

    plugin = Broken()
    with pytest.raises(Exception, match="no database"):
        await PluginServer(plugin).start()
    assert plugin.log == ["begun", "ended"]


async def test_a_task_that_raises_is_in_the_log_and_strikes_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Worker):
        @hook
        async def OnConfigurationChange(self) -> None:
            self.tasks.start(self.fail(), name="refresh")

        async def fail(self) -> None:
            raise LookupError("nothing there")

    plugin = Failing()
    async with serving(plugin) as (_, host):
        await ask(host, "OnActivate")
        await ask(host, "OnConfigurationChange")
        await eventually(lambda: len(plugin.tasks) == 1)
        assert await _is_healthy(host)
    (record,) = (record for record in caplog.records if record.name == "mattermost_plugin.tasks")
    assert (record.levelno, record.message) == (logging.ERROR, "background task refresh failed: nothing there")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


async def _is_healthy(host: Host) -> bool:
    return await host.health("plugin") == 1


async def test_a_task_gives_its_result_and_has_its_coroutines_name() -> None:
    async def answer() -> int:
        return 42

    task = BackgroundTasks().start(answer())
    assert task.get_name().endswith("answer")
    assert await task == 42


async def test_a_sync_handler_is_told_that_tasks_belong_to_the_event_loop() -> None:
    class Sync(Worker):
        @hook
        def OnConfigurationChange(self) -> None:
            self.tasks.start(self.work())

    plugin = Sync()
    async with serving(plugin) as (_, host):
        error = (await ask(host, "OnConfigurationChange")).error
    assert "belongs to the event loop" in error.message
    assert plugin.log == []


async def test_another_event_loop_is_refused() -> None:
    async def nothing() -> None: ...

    tasks = BackgroundTasks()
    await tasks.start(nothing())

    async def elsewhere() -> None:
        tasks.start(nothing())

    with pytest.raises(RuntimeError, match="this is another one"):
        await asyncio.to_thread(asyncio.run, elsewhere())


async def test_a_task_that_does_not_let_itself_be_cancelled_is_named(caplog: pytest.LogCaptureFixture) -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    tasks = BackgroundTasks()
    task = tasks.start(stubborn(), name="stubborn")
    await asyncio.sleep(0)
    await tasks.cancel()
    assert "still running: stubborn" in caplog.text
    release.set()
    async with asyncio.timeout(TIMEOUT):
        await task


async def test_a_task_may_deactivate_without_ending_itself() -> None:
    tasks = BackgroundTasks()

    async def last() -> str:
        await tasks.cancel()
        return "done"

    assert await tasks.start(last()) == "done"


async def test_a_plugin_may_use_the_name_for_something_else() -> None:
    class Todo(Plugin):
        def __init__(self) -> None:
            self.tasks = ["write"]  # type: ignore[assignment]  # what authors may do

    async with serving(Todo()) as (_, host):
        assert not (await ask(host, "OnDeactivate")).HasField("error")
