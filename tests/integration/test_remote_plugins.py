"""A plugin of the examples, unchanged, wherever it runs: what changes is the configuration alone."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Certificates, certificates
from support.client import connect, fetch
from support.dns_server import dns_server
from support.gateway import Gateway, running
from support.patience import PATIENCE
from support.remote_hosts import (
    EXAMPLES,
    HOSTS,
    NAME,
    TODO,
    free_port,
    host,
    plugins,
    todo_on_three_hosts,
    until_running,
    use_todo,
)
from support.several import ID as SEVERAL_ID
from support.several import SEVERAL, Load, Notes
from support.workspaces import SERVER, empty_database

__all__ = ["certificates"]

pytestmark = pytest.mark.anyio

SUBJECT = Path(__file__).parent / "plugins" / "subject"
WITH_WORKSPACE = {"SERVEHTTP_WORKSPACE__ENABLED": "true"}
SUBJECT_ID = "com.example.subject"
Deployed = Callable[[AsyncExitStack, Path, Certificates], Awaitable[list[Gateway]]]


async def in_one_process(stack: AsyncExitStack, folder: Path, _: Certificates) -> list[Gateway]:
    gateway = running(EXAMPLES / "todo", "--data-dir", folder / "data", environment=WITH_WORKSPACE)
    return [await stack.enter_async_context(gateway)]


async def in_two_replicas(stack: AsyncExitStack, folder: Path, _: Certificates) -> list[Gateway]:
    options = ("--replicas", f"{TODO}=2", "--data-dir", folder / "data")
    return [await stack.enter_async_context(running(EXAMPLES / "todo", *options, environment=WITH_WORKSPACE))]


async def on_three_hosts(stack: AsyncExitStack, folder: Path, files: Certificates) -> list[Gateway]:
    config = await todo_on_three_hosts(stack, folder, files)
    options = ("--config", config, "--data-dir", folder / "data")
    return [await stack.enter_async_context(running(*options, environment=WITH_WORKSPACE))]


async def on_three_hosts_under_two_gateways_of_a_server(
    stack: AsyncExitStack, folder: Path, files: Certificates
) -> list[Gateway]:
    config = await todo_on_three_hosts(stack, folder, files)
    url = await stack.enter_async_context(empty_database("postgresql"))
    gateways = []
    for name, own in (("data", {}), ("other", {"SERVEHTTP_WORKSPACE__API_LISTEN": f"127.0.0.1:{free_port()}"})):
        options = ("--config", config, "--data-dir", folder / name)
        environment = {**WITH_WORKSPACE, "SERVEHTTP_WORKSPACE__DATABASE_URL": url, **own}
        gateways.append(await stack.enter_async_context(running(*options, environment=environment)))
    return gateways


needs_server = pytest.mark.skipif(not SERVER, reason="needs a PostgreSQL server")


@pytest.mark.parametrize(
    ("deploy", "count"),
    [
        (in_one_process, 1),
        (in_two_replicas, 2),
        (on_three_hosts, 3),
        pytest.param(on_three_hosts_under_two_gateways_of_a_server, 3, marks=needs_server),
    ],
)
async def test_todo_runs_unchanged_by_configuration_only(
    tmp_path: Path,
    certificates: Certificates,  # it is the fixture
    deploy: Deployed,
    count: int,
) -> None:
    async with AsyncExitStack() as stack:
        gateways = await deploy(stack, tmp_path, certificates)
        await use_todo(gateways, tmp_path / "data", count)


async def test_a_host_that_is_killed_costs_what_was_in_flight_there_alone_and_one_that_stops_nothing() -> None:
    async with AsyncExitStack() as stack:
        zone = await stack.enter_async_context(dns_server())
        zone.tell(NAME, "A", *HOSTS)
        port = free_port()
        processes = {
            place: await stack.enter_async_context(host(SUBJECT, f"plaintext:{place}:{port}", "--grace", "30"))
            for place in HOSTS
        }
        options = ("--remote", f"{SUBJECT_ID}=plaintext:dns:///{NAME}:{port}")
        asked = {"SERVEHTTP_PLUGINS__DNS_SERVER": zone.address}
        gateway = await stack.enter_async_context(running(*options, environment=asked))
        await until_running(gateway, SUBJECT_ID, 3)

        async def pid() -> int:
            answer = await fetch(gateway.port, f"/plugins/{SUBJECT_ID}/pid")
            assert answer.status == 200, answer
            return int(answer.json())

        assert {await pid() for _ in range(6)} == {process.pid for process in processes.values()}
        async with connect(gateway.port) as stream:
            await stream.start("GET", f"/plugins/{SUBJECT_ID}/events")
            await stream.end()
            await stream.head()
            [busy] = [place for place, told in (await endpoints(gateway)).items() if told["in_flight"]]
            killed, left = (place for place in HOSTS if place != busy)
            killed_pid = processes[killed].pid
            processes[killed].send_signal(signal.SIGKILL)
            await until_phase(gateway, killed, "lost", "connecting")
            assert killed_pid not in {await pid() for _ in range(20)}
            processes[busy].terminate()
            await until_phase(gateway, busy, "draining")
            assert {await pid() for _ in range(5)} == {processes[left].pid}
            for _ in range(3):
                assert await stream.piece(), "what is open there goes on"
            assert processes[busy].returncode is None
        async with asyncio.timeout(PATIENCE):
            assert await processes[busy].wait() == 0


async def endpoints(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """What is told of each, by its address."""
    told = (await plugins(gateway))[SUBJECT_ID]["replicas"]
    return {each["endpoint"].partition(":")[0]: each for each in told}


async def until_phase(gateway: Gateway, place: str, *phases: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await endpoints(gateway))[place]["phase"] not in phases:
            await asyncio.sleep(0.02)


async def test_workers_follow_the_endpoints_that_dns_tells() -> None:
    async with AsyncExitStack() as stack:
        zone = await stack.enter_async_context(dns_server())
        zone.tell(NAME, "A", HOSTS[0])
        port = free_port()
        processes = [await stack.enter_async_context(host(SUBJECT, f"plaintext:{at}:{port}")) for at in HOSTS[:2]]
        options = ("--workers", "2", "--remote", f"{SUBJECT_ID}=plaintext:dns:///{NAME}:{port}")
        asked = {"SERVEHTTP_PLUGINS__DNS_SERVER": zone.address}
        gateway = await stack.enter_async_context(running(*options, environment=asked))

        async def until_answered_by(*wanted: asyncio.subprocess.Process) -> None:
            pids: set[object] = set()
            async with asyncio.timeout(PATIENCE):
                while pids != {process.pid for process in wanted}:
                    answers = [await fetch(gateway.port, f"/plugins/{SUBJECT_ID}/pid") for _ in range(12)]
                    pids = {answer.json() if answer.status == 200 else answer.status for answer in answers}

        await until_answered_by(processes[0])
        zone.tell(NAME, "A", *HOSTS[:2])
        await until_answered_by(*processes)
        zone.tell(NAME, "A", HOSTS[1])
        await until_answered_by(processes[1])
        assert await gateway.stop() == 0


async def test_hosts_are_replaced_one_after_the_other_under_load_and_nothing_is_lost_or_done_twice(
    tmp_path: Path,
) -> None:
    notes, port = Notes(tmp_path / "notes"), free_port()
    own = {"SEVERAL_NOTES": str(notes.file), "MATTERMOST_PLUGIN_REPLICA": "1"}
    async with AsyncExitStack() as stack:
        zone = await stack.enter_async_context(dns_server())
        zone.tell(NAME, "A", *HOSTS)
        machines = {place: await started(stack, f"plaintext:{place}:{port}", own) for place in HOSTS}
        options = ("--remote", f"{SEVERAL_ID}=plaintext:dns:///{NAME}:{port}")
        asked = {"SERVEHTTP_PLUGINS__DNS_SERVER": zone.address}
        gateway = await stack.enter_async_context(running(*options, environment=asked))
        await until_running(gateway, SEVERAL_ID, 3)
        load = Load(gateway.port, clients=8)
        async with load.put():
            for place in HOSTS:
                await load.more(30)
                await machines[place].aclose()  # by SIGTERM, as a scheduler ends it
                await load.more(30)
                await started(stack, f"plaintext:{place}:{port}", own)
                await until_running(gateway, SEVERAL_ID, 3)
            await load.more(30)
        assert load.failed == {}
        done = [note.what for note in notes.all() if note.what in load.answered]
        assert sorted(done) == sorted(load.answered)
        assert len(notes.of("OnDeactivate")) == 3


async def started(stack: AsyncExitStack, address: str, environment: dict[str, str]) -> AsyncExitStack:
    """A machine that runs the plugin until what is returned is closed, or the whole is."""
    own = await stack.enter_async_context(AsyncExitStack())
    await own.enter_async_context(host(SEVERAL, address, "--grace", "30", **environment))
    return own
