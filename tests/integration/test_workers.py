"""Real processes: a gateway with two workers on one port, some of which are killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.client import TIMEOUT, Answer, Broken, Client, connect, fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

SUBJECT = Path(__file__).parent / "plugins" / "subject"
BASE = "/plugins/com.example.subject"
READY = "/readyz?verbose"

QUICK = {
    "SERVEHTTP_SERVER__WORKERS": "2",
    "SERVEHTTP_PLUGINS__RESTART_DELAY": "0.1",
    "SERVEHTTP_PLUGINS__START_TIMEOUT": "20",
    "SERVEHTTP_PLUGINS__DRAIN_TIMEOUT": "1",
    "SERVEHTTP_PLUGINS__STOP_TIMEOUT": "1",
}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with running(SUBJECT, environment=QUICK) as gateway:
        yield gateway


async def plugin(client: Client) -> dict[str, Any]:
    """What the worker at the other end says of the plugin."""
    answer = (await client.request("GET", READY)).json()
    facts: dict[str, Any] = answer["plugins"][0]
    return facts


async def workers(gateway: Gateway, *but: int) -> list[int]:
    """Both workers that serve, once they are others than those named."""
    async with asyncio.timeout(PATIENCE), AsyncExitStack() as held:
        found: set[int] = set()
        while len(found) < 2:
            client = await held.enter_async_context(connect(gateway.port))
            found |= {(await plugin(client))["worker"]} - set(but)
            await asyncio.sleep(0.01)
    gateway.below()
    return sorted(found)


@asynccontextmanager
async def connection_to(gateway: Gateway, worker: int) -> AsyncIterator[Client]:
    """A connection that this worker has accepted; the other's are held, else it had the next."""
    async with asyncio.timeout(PATIENCE) as search, AsyncExitStack() as held:
        while True:
            client = await held.enter_async_context(connect(gateway.port))
            if (await plugin(client))["worker"] == worker:
                search.reschedule(None)
                break
            await asyncio.sleep(0.01)
        yield client


async def pid_by(gateway: Gateway, worker: int, *but: int) -> int:
    """The plugin's process as this worker reaches it, once it is another than those named."""
    async with connection_to(gateway, worker) as client, asyncio.timeout(PATIENCE):
        while True:
            answer = await client.request("GET", f"{BASE}/pid")
            if answer.status == 200 and answer.json() not in but:
                return int(answer.json())
            assert answer.status in (200, 502, 503), answer
            await asyncio.sleep(0.02)


async def test_both_workers_serve_the_port_and_share_the_plugin(gateway: Gateway) -> None:
    first, second = await workers(gateway)
    assert gateway.pid not in (first, second)
    assert await pid_by(gateway, first) == await pid_by(gateway, second)
    assert (await fetch(gateway.port, f"{BASE}/seen")).json() == ["OnConfigurationChange", "OnActivate"]
    for worker in (first, second):
        async with connection_to(gateway, worker) as client:
            assert (await client.request("GET", f"{BASE}/public/hello.txt")).body == b"hello\n"
    assert await gateway.stop() == 0
    await gateway.wait_gone()
    logged = [log["worker"] for log in gateway.logs if log.get("event") == f"GET {BASE}/pid"]
    assert sorted(logged) == sorted((first, second))


async def test_connections_that_come_at_once_are_shared_evenly() -> None:
    limited = {**QUICK, "SERVEHTTP_SERVER__WORKERS": "3", "SERVEHTTP_LIMITS__MAX_EXCHANGES": "5"}
    async with running(SUBJECT, environment=limited) as gateway, AsyncExitStack() as connections:
        # As many requests as all workers together may have open, so that none is refused only if each has five.
        clients = [await connections.enter_async_context(connect(gateway.port)) for _ in range(3 * 5)]
        await asyncio.gather(*(begin_echo(client) for client in clients))
        for _ in range(3):
            another = await connections.enter_async_context(connect(gateway.port))
            assert (await another.request("GET", f"{BASE}/pid")).status == 503
        assert await asyncio.gather(*(end_echo(client) for client in clients)) == [b"after"] * len(clients)
        assert await gateway.stop() == 0
    served = [log["worker"] for log in gateway.logs if log.get("event") == f"POST {BASE}/echo"]
    assert sorted(Counter(served).values()) == [5, 5, 5]


async def test_a_killed_worker_is_replaced_and_neither_plugin_nor_the_other_worker_notices(gateway: Gateway) -> None:
    first, second = await workers(gateway)
    before = await pid_by(gateway, first)
    async with connection_to(gateway, second) as stream:
        await stream.start("GET", f"{BASE}/events")
        await stream.end()
        assert (await stream.head()).status == 200
        os.kill(first, signal.SIGKILL)
        # A new worker takes no connection before it is connected to the plugin.
        for _ in range(20):
            assert (await fetch(gateway.port, f"{BASE}/pid")).json() == before
        third = next(pid for pid in await workers(gateway, first) if pid != second)
        assert await pid_by(gateway, third) == before
        assert b"data:" in (await stream.piece() or b"")
    async with connection_to(gateway, third) as client:
        assert (await plugin(client))["restarts"] == 0
    assert "OnDeactivate" not in (await fetch(gateway.port, f"{BASE}/seen")).json()
    gone = await gateway.log(lambda log: log["event"] == "worker is gone, another one follows")
    assert gone["how"] == f"process {first} was killed by SIGKILL"


async def test_a_worker_that_is_told_to_end_finishes_its_requests_and_is_replaced(gateway: Gateway) -> None:
    first, second = await workers(gateway)
    async with connection_to(gateway, first) as client, connection_to(gateway, first) as idle:
        await begin_echo(client)
        os.kill(first, signal.SIGTERM)
        await idle.closed()
        assert await end_echo(client) == b"after"
    assert second in await workers(gateway, first)


async def begin_echo(client: Client) -> None:
    """A request of which a part is sent and answered."""
    await client.start("POST", f"{BASE}/echo", [("Transfer-Encoding", "chunked")])
    await client.send(b"before")
    assert (await client.head()).status == 200
    assert await client.piece() == b"before"


async def end_echo(client: Client) -> bytes:
    """The rest of the request; returns the rest of the response."""
    await client.send(b"after")
    await client.end()
    return await client.rest()


async def test_a_plugin_that_dies_is_replaced_for_all_workers(gateway: Gateway) -> None:
    first, second = await workers(gateway)
    before = await pid_by(gateway, first)
    os.kill(before, signal.SIGKILL)
    after = await pid_by(gateway, first, before)
    assert await pid_by(gateway, second, before) == after
    for worker in (first, second):
        async with connection_to(gateway, worker) as client:
            facts = await plugin(client)
            assert (facts["state"], facts["restarts"], facts["pid"]) == ("running", 1, after)


async def test_a_frozen_worker_holds_up_neither_the_other_nor_the_plugins_restart(gateway: Gateway) -> None:
    first, second = await workers(gateway)
    before = await pid_by(gateway, first)
    async with connection_to(gateway, second) as client:
        os.kill(first, signal.SIGSTOP)
        os.kill(before, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            while (answer := await client.request("GET", f"{BASE}/pid")).status != 200:
                await asyncio.sleep(0.02)
        assert answer.json() != before
        gateway.below()
        await gateway.stop(signal.SIGKILL)
    # A frozen process sees no end of anything; the reaper ends it after its grace.
    await gateway.wait_gone()


async def test_sigterm_lets_open_requests_of_every_worker_finish_and_then_stops_the_plugin(tmp_path: Path) -> None:
    note = tmp_path / "note"
    environment = {**QUICK, "SUBJECT_NOTE": str(note), "SERVEHTTP_PLUGINS__ENV_ALLOW": "SUBJECT_NOTE"}
    async with running(SUBJECT, environment=environment) as gateway:
        first, second = await workers(gateway)
        async with connection_to(gateway, first) as one, connection_to(gateway, second) as two:
            for client in (one, two):
                await begin_echo(client)
            gateway.process.send_signal(signal.SIGTERM)
            await refused(gateway)
            assert [await end_echo(client) for client in (one, two)] == [b"after", b"after"]
            assert not note.exists()
        async with asyncio.timeout(PATIENCE):
            assert await gateway.process.wait() == 0
        await gateway.wait_gone()
    assert note.read_text() == "OnDeactivate"


async def refused(gateway: Gateway) -> None:
    """Waits until nobody can connect any more."""
    with pytest.raises(ConnectionRefusedError):
        async with asyncio.timeout(TIMEOUT):
            while True:
                async with connect(gateway.port):
                    await asyncio.sleep(0.02)


async def test_streams_that_do_not_end_are_cut_when_the_time_to_drain_is_over() -> None:
    async with running(SUBJECT, environment={**QUICK, "SERVEHTTP_SERVER__DRAIN_TIMEOUT": "0.3"}) as gateway:
        async with connect(gateway.port) as client:
            await client.start("GET", f"{BASE}/events")
            await client.end()
            await client.head()
            assert await gateway.stop() == 0
            with pytest.raises(Broken):
                await client.rest()
        await gateway.wait_gone()


async def test_a_second_sigint_does_not_wait_for_open_requests(gateway: Gateway) -> None:
    async with connect(gateway.port) as client:
        await client.start("GET", f"{BASE}/events")
        await client.end()
        await client.head()
        gateway.process.send_signal(signal.SIGINT)
        await refused(gateway)
        assert await client.piece()
        assert await gateway.stop(signal.SIGINT) == 0
        with pytest.raises(Broken):
            await client.rest()
    await gateway.wait_gone()


async def test_sigkill_of_the_main_process_ends_workers_and_plugins(gateway: Gateway) -> None:
    assert len(gateway.below()) >= 4  # two workers, the plugin, the reaper
    await gateway.stop(signal.SIGKILL)
    await gateway.wait_gone()


async def test_a_unix_socket_is_shared_as_well(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"

    async def ask(target: str) -> Answer:
        client = Client(*await asyncio.open_unix_connection(path))
        try:
            return await client.request("GET", target)
        finally:
            await client.close()

    async with running(SUBJECT, environment={**QUICK, "SERVEHTTP_SERVER__UDS": str(path)}, serving=False) as gateway:
        await gateway.log(lambda log: log["event"] == "serving" and log["url"] == f"unix:{path}")
        before = (await ask(f"{BASE}/pid")).json()
        first = (await ask(READY)).json()["plugins"][0]["worker"]
        os.kill(first, signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            seen: set[int] = set()
            while len(seen - {first}) < 2:
                seen.add((await ask(READY)).json()["plugins"][0]["worker"])
                await asyncio.sleep(0.01)
        assert (await ask(f"{BASE}/pid")).json() == before
        assert await gateway.stop() == 0
        assert not path.exists()


async def test_workers_that_cannot_start_end_the_gateway_with_1(tmp_path: Path) -> None:
    # Of all its processes only workers are started with a safe path and yet look at the environment.
    (tmp_path / "sitecustomize.py").write_text("import os, sys\nif sys.flags.safe_path: os._exit(9)\n")
    async with running(SUBJECT, environment={**QUICK, "PYTHONPATH": str(tmp_path)}, serving=False) as gateway:
        async with asyncio.timeout(PATIENCE):
            assert await gateway.process.wait() == 1
        error = await gateway.log(lambda log: log["event"].startswith("error: a worker did not start: process "))
        assert error["event"].endswith("exited with code 9; the log says why")
        await gateway.wait_gone()
