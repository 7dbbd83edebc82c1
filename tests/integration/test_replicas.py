"""A plugin that runs twice, as real processes, some of which are killed or frozen."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosedError

from support.client import Broken, Client, connect, fetch
from support.gateway import Gateway
from support.patience import PATIENCE
from support.several import BASE, ID, Load, Notes, about, all_running, pids, several

pytestmark = pytest.mark.anyio


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Gateway, Notes]]:
    async with several(tmp_path) as scene:
        yield scene


async def who(gateway: Gateway) -> int:
    """The process that answers a request."""
    answer = await fetch(gateway.port, f"{BASE}/who")
    assert answer.status == 200, answer
    return int(answer.json()[0])


async def test_its_processes_have_turns_and_are_shown_each(both: tuple[Gateway, Notes]) -> None:
    gateway, notes = both
    answers = [(await fetch(gateway.port, f"{BASE}/who")).json() for _ in range(8)]
    plugin = await about(gateway)
    parts = plugin["replicas"]
    assert Counter(map(tuple, answers)) == {(part["pid"], part["replica"]): 4 for part in parts}
    assert {(part["state"], part["restarts"], part["in_flight"]) for part in parts} == {("running", 0, 0)}
    assert (plugin["state"], plugin["reason"], "pid" in plugin) == ("running", None, False)
    activations = notes.of("OnActivate")
    assert {(note.pid, note.replica) for note in activations} == {(part["pid"], part["replica"]) for part in parts}
    assert len(activations) == len(notes.of("OnConfigurationChange")) == 2
    assert await gateway.stop() == 0
    await gateway.wait_gone(2)
    assert {note.pid for note in notes.of("OnDeactivate")} == {part["pid"] for part in parts}
    told = {(log["plugin"], log["replica"]) for log in gateway.logs if log["event"] == "plugin runs"}
    assert told == {(ID, 1), (ID, 2)}


async def test_killing_one_under_load_fails_what_was_in_flight_there_and_nothing_else(
    both: tuple[Gateway, Notes],
) -> None:
    gateway, notes = both
    killed, kept = await pids(gateway)
    load = Load(gateway.port)
    async with load.put():
        await load.more(300)
        os.kill(killed, signal.SIGKILL)
        await load.more(300)
        back, _ = await all_running(gateway, killed)
        await load.more(300)
    began = {note.what: note.pid for note in notes.all()}
    assert {began.get(id, killed) for id in load.failed} == {killed}
    assert set(load.failed.values()) == {"502"}
    assert len(load.failed) <= load.clients, "no client has lost more than the one that it had there"
    assert Counter(note.what for note in notes.all() if note.what.startswith("r")).most_common(1)[0][1] == 1
    assert {began[id] == pid for id, pid in load.answered.items()} == {True}
    assert set(load.answered.values()) == {killed, kept, back}
    parts = (await about(gateway))["replicas"]
    assert [(part["restarts"], part["in_flight"]) for part in parts] == [(1, 0), (0, 0)]


async def test_streams_and_websockets_stay_where_they_began(both: tuple[Gateway, Notes]) -> None:
    gateway, _ = both
    killed, kept = await pids(gateway)
    async with AsyncExitStack() as stack:
        talks = {}
        for _ in range(2):
            url = f"ws://127.0.0.1:{gateway.port}{BASE}/ws"
            talk = await stack.enter_async_context(connect_websocket(url))
            await talk.send("who?")
            talks[int(await talk.recv())] = talk
        streams = {}
        for _ in range(2):
            stream = await stack.enter_async_context(connect(gateway.port))
            streams[await begin_events(stream)] = stream
        assert set(talks) == set(streams) == {killed, kept}
        assert [part["in_flight"] for part in (await about(gateway))["replicas"]] == [2, 2]
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(ConnectionClosedError) as closed:
            await talks[killed].recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        with pytest.raises(Broken):
            await streams[killed].rest()
        await all_running(gateway, killed)
        for _ in range(3):
            await talks[kept].send("who?")
            assert int(await talks[kept].recv()) == kept
            assert b"data: %d" % kept in (await streams[kept].piece() or b"")


async def begin_events(client: Client) -> int:
    """The process that has begun a stream of events."""
    await client.start("GET", f"{BASE}/events")
    await client.end()
    assert (await client.head()).status == 200
    return int((await client.piece() or b"").removeprefix(b"data: "))


async def test_one_that_hangs_gets_nothing_more_and_is_replaced_by_its_own_health(tmp_path: Path) -> None:
    health = {
        "SERVEHTTP_PLUGINS__HEALTH_INTERVAL": "1",
        "SERVEHTTP_PLUGINS__HEALTH_TIMEOUT": "1",
        "SERVEHTTP_PLUGINS__HEALTH_FAILURES": "2",
    }
    async with several(tmp_path, environment=health) as (gateway, _):
        frozen, good = await pids(gateway)
        os.kill(frozen, signal.SIGSTOP)
        stuck = [asyncio.create_task(fetch(gateway.port, f"{BASE}/who")) for _ in range(2)]
        done, waiting = await asyncio.wait(stuck, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().json()[0] for task in done] == [good]
        assert {await who(gateway) for _ in range(10)} == {good}, "one that has something open is not chosen"
        assert [(await task).status for task in waiting] == [502]
        _, unchanged = await all_running(gateway, frozen)
        assert unchanged == good
        assert [part["restarts"] for part in (await about(gateway))["replicas"]] == [1, 0]


async def test_one_that_is_given_up_is_told_and_the_other_serves_on(tmp_path: Path) -> None:
    async with several(tmp_path, environment={"SERVEHTTP_PLUGINS__RESTART_LIMIT": "1"}) as (gateway, _):
        killed, kept = await pids(gateway)
        os.kill(killed, signal.SIGKILL)
        await gateway.log(lambda log: log["event"] == "plugin stays down" and log["replica"] == 1)
        plugin = await about(gateway)
        assert plugin["state"] == "running"
        assert plugin["reason"].startswith("1 of 2 replicas run; [1] is failed: was killed by SIGKILL")
        assert [part["state"] for part in plugin["replicas"]] == ["failed", "running"]
        assert (await fetch(gateway.port, "/readyz")).status == 200
        assert {await who(gateway) for _ in range(4)} == {kept}
        os.kill(kept, signal.SIGKILL)
        await gateway.log(lambda log: log["event"] == "plugin stays down" and log["replica"] == 2)
        assert (await fetch(gateway.port, "/readyz")).status == 503
        assert (await fetch(gateway.port, f"{BASE}/who")).status == 404


async def test_every_worker_reaches_every_process(tmp_path: Path) -> None:
    async with several(tmp_path, "--workers", "2") as (gateway, _):
        before = set(await pids(gateway))
        served = await by_worker(gateway)
        assert len(served) == 2
        assert all(seen == before for seen in served.values())
        killed = min(before)
        load = Load(gateway.port)
        async with load.put():
            await load.more(200)
            os.kill(killed, signal.SIGKILL)
            await load.more(200)
        assert len(load.failed) <= load.clients
        after = set(await all_running(gateway, killed))
        async with asyncio.timeout(PATIENCE):
            while any(seen != after for seen in (await by_worker(gateway)).values()):
                await asyncio.sleep(0.02)
        assert await gateway.stop() == 0
        await gateway.wait_gone(2)


async def by_worker(gateway: Gateway) -> dict[int, set[int]]:
    """By worker, the processes that have answered through it."""
    found: dict[int, set[int]] = {}
    async with AsyncExitStack() as held:
        for _ in range(2):
            client = await held.enter_async_context(connect(gateway.port))
            [plugin] = (await client.request("GET", "/readyz?verbose")).json()["plugins"]
            [worker] = {part["worker"] for part in plugin["replicas"]}
            answers = [await client.request("GET", f"{BASE}/who") for _ in range(4)]
            found.setdefault(worker, set()).update(answer.json()[0] for answer in answers if answer.status == 200)
    return found


async def test_the_setting_has_the_last_word_on_their_number(tmp_path: Path) -> None:
    for count in (1, 3):
        async with several(tmp_path, "--replicas", f"{ID}={count}", "--replicas", "com.example.no=2") as (gateway, _):
            warning = await gateway.log(lambda log: log["event"].startswith("plugins.replicas names plugins that are"))
            assert warning["ids"] == ["com.example.no"]
            plugin = await about(gateway)
            assert len(plugin.get("replicas", [plugin])) == count
            answers = [(await fetch(gateway.port, f"{BASE}/who")).json()[1] for _ in range(count)]
            assert answers == list(range(1, count + 1))
