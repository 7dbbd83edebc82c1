from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from servehttp.plugins.replicas import ReplicatedPlugin
from servehttp.plugins.states import PluginState
from servehttp.workers.channel import Channel
from servehttp.workers.messages import Forget, Forgotten, Gone, Introduced, Report, Settled
from servehttp.workers.notifier import REASON_LENGTH, WorkerNotifier
from support.handles import IdlePlugin
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def worker() -> AsyncIterator[tuple[Channel, Channel]]:
    """The main process's end of a channel, and the worker's."""
    ours, theirs = socket.socketpair()
    near, far = await Channel.over(ours), await Channel.over(theirs)
    try:
        async with asyncio.timeout(PATIENCE):
            yield near, far
    finally:
        await near.close()
        await far.close()


async def report(channel: Channel) -> Report:
    message = await channel.receive()
    assert isinstance(message, Report)
    return message


async def still_waits(task: asyncio.Task[None]) -> bool:
    for _ in range(5):  # whatever could wake it has had its turn
        await asyncio.sleep(0)
    return not task.done()


async def test_a_worker_is_told_of_all_that_is_so_when_it_joins_and_then_of_changes() -> None:
    notifier, quiet, busy = WorkerNotifier(), IdlePlugin("quiet"), IdlePlugin("busy")
    async with worker() as (near, far):
        busy.state = PluginState.STARTING
        notifier.notify(busy)
        notifier.join(near, [quiet, busy])
        assert await report(far) == Report(0, None, {"id": "quiet", "state": "stopped", "reason": None})
        assert await report(far) == Report(1, None, {"id": "busy", "state": "starting", "reason": None})
        assert await far.receive() == Introduced()
        busy.state, busy.target = PluginState.RUNNING, "unix:/s"
        notifier.notify(busy)
        assert await report(far) == Report(2, "unix:/s", {"id": "busy", "state": "running", "reason": None})


async def test_a_plugin_is_settled_when_every_worker_has_acted_on_the_last_report() -> None:
    notifier, plugin = WorkerNotifier(), IdlePlugin("one")
    async with worker() as (first, _), worker() as (second, _):
        notifier.join(first, [plugin])
        notifier.join(second, [plugin])
        notifier.notify(plugin)
        settled = asyncio.create_task(notifier.settled("one"))
        notifier.note_settled(first, Settled("one", 1))
        notifier.note_settled(second, Settled("one", 0))
        assert await still_waits(settled)
        notifier.note_settled(second, Settled("one", 1))
        await settled


async def test_each_replica_is_told_of_and_settled_by_itself() -> None:
    notifier, parts = WorkerNotifier(), [IdlePlugin("one", number=number) for number in (1, 2)]
    async with worker() as (near, far):
        notifier.join(near, [ReplicatedPlugin("one", parts)])
        told = [(await report(far)).about for _ in parts]
        assert [(about["id"], about["replica"]) for about in told] == [("one", 1), ("one", 2)]
        assert await far.receive() == Introduced()
        notifier.notify(parts[1])
        assert (await report(far)).number == 1
        notifier.note_settled(near, Settled("one[1]", 0))
        await notifier.settled("one[1]")
        settled = asyncio.create_task(notifier.settled("one[2]"))
        assert await still_waits(settled)
        notifier.note_settled(near, Settled("one[2]", 1))
        await settled
        notifier.forget_replica(parts[1])
        assert await far.receive() == Gone("one", 2)


async def test_a_worker_that_leaves_is_not_waited_for() -> None:
    notifier, plugin = WorkerNotifier(), IdlePlugin("one")
    async with worker() as (near, _):
        notifier.join(near, [plugin])
        settled = asyncio.create_task(notifier.settled("one"))
        assert await still_waits(settled)
        notifier.leave(near)
        await settled


async def test_all_serve_when_enough_take_connections_and_every_plugin_is_settled() -> None:
    notifier, plugin = WorkerNotifier(), IdlePlugin("one")
    async with worker() as (first, _), worker() as (second, _):
        serving = asyncio.create_task(notifier.wait_serving(2, [plugin]))
        for channel in (first, second):
            notifier.join(channel, [plugin])
            notifier.note_serving(channel)
        notifier.note_settled(first, Settled("one", 0))
        assert await still_waits(serving)
        notifier.note_settled(second, Settled("one", 0))
        await serving
        notifier.leave(second)
        serving = asyncio.create_task(notifier.wait_serving(2, [plugin]))
        assert await still_waits(serving)
        notifier.join(second, [])
        notifier.note_settled(second, Settled("one", 0))
        notifier.note_serving(second)
        await serving


async def test_a_reason_that_is_too_long_is_cut() -> None:
    notifier, plugin = WorkerNotifier(), IdlePlugin("one", PluginState.FAILED, "long " * REASON_LENGTH)
    async with worker() as (near, far):
        notifier.join(near, [plugin])
        assert len((await report(far)).about["reason"]) == REASON_LENGTH


async def test_sessions_are_forgotten_when_every_worker_that_is_there_says_so() -> None:
    notifier = WorkerNotifier()
    async with worker() as (first, far), worker() as (second, _), worker() as (third, _):
        for channel in (first, second, third):
            notifier.join(channel, [])
        earlier = asyncio.ensure_future(notifier.forget("ada"))
        assert [await far.receive(), await far.receive()] == [Introduced(), Forget(1, "ada")]
        forgotten = asyncio.ensure_future(notifier.forget("bob"))
        notifier.note_forgotten(first, Forgotten(2))
        notifier.note_forgotten(second, Forgotten(1))
        notifier.leave(third)
        assert await still_waits(forgotten)
        notifier.note_forgotten(second, Forgotten(2))
        await asyncio.gather(earlier, forgotten)
