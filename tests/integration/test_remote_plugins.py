"""A plugin of the examples, unchanged, wherever it runs: what changes is the configuration alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Certificates, certificates
from support.client import connect, fetch
from support.command import run
from support.dns_server import dns_server
from support.gateway import Gateway, running
from support.patience import PATIENCE
from support.several import ID as SEVERAL_ID
from support.several import SEVERAL, Load, Notes

__all__ = ["certificates"]

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[2] / "examples"
SUBJECT = Path(__file__).parent / "plugins" / "subject"
WITH_WORKSPACE = {"SERVEHTTP_WORKSPACE__ENABLED": "true"}
TODO, SUBJECT_ID = "com.example.todo", "com.example.subject"
HOSTS = ("127.0.1.1", "127.0.1.2", "127.0.1.3")
NAME = "plugins.test"
Deployed = Callable[[AsyncExitStack, Path, Certificates], Awaitable[Gateway]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@asynccontextmanager
async def host(
    folder: Path, address: str, *options: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A machine that runs a plugin at an address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "servehttp", "run-plugin", str(folder), "--listen", address, *options,
        env={**os.environ, **environment}, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        while b"listens at" not in (line := await process.stderr.readline()):
            assert line, "it ended"
    reader = asyncio.create_task(process.stderr.read())
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(PATIENCE):
            await process.wait()
            await reader


async def in_one_process(stack: AsyncExitStack, folder: Path, _: Certificates) -> Gateway:
    gateway = running(EXAMPLES / "todo", "--data-dir", folder / "data", environment=WITH_WORKSPACE)
    return await stack.enter_async_context(gateway)


async def in_two_replicas(stack: AsyncExitStack, folder: Path, _: Certificates) -> Gateway:
    options = ("--replicas", f"{TODO}=2", "--data-dir", folder / "data")
    return await stack.enter_async_context(running(EXAMPLES / "todo", *options, environment=WITH_WORKSPACE))


async def on_three_hosts(stack: AsyncExitStack, folder: Path, files: Certificates) -> Gateway:
    """Mutual TLS both ways; who calls the API is known by a certificate at one host, by a token at the others."""
    zone = await stack.enter_async_context(dns_server())
    zone.tell(NAME, "A", *HOSTS)
    port, api_port = free_port(), free_port()
    token = run("plugin-token", TODO, "--data-dir", folder / "data").stdout.strip()
    (folder / "token").write_text(token)
    served = files.server(NAME, client_ca=files.ca)
    api = {"MATTERMOST_PLUGIN_API_TARGET": f"tls:127.0.0.1:{api_port}", "MATTERMOST_PLUGIN_API_TLS_CA": files.ca}
    named = files.server(TODO)
    by_certificate = {"MATTERMOST_PLUGIN_API_TLS_CERT": named.cert, "MATTERMOST_PLUGIN_API_TLS_KEY": named.key}
    by_token = {"MATTERMOST_PLUGIN_API_TOKEN_FILE": str(folder / "token")}
    tls = ("--tls-cert", served.cert, "--tls-key", served.key, "--tls-client-ca", served.ca)
    for place, who in zip(HOSTS, (by_certificate, by_token, by_token), strict=True):
        await stack.enter_async_context(host(EXAMPLES / "todo", f"{place}:{port}", *tls, **api, **who))
    gateway, shown = files.client(), files.server()
    config = folder / "gateway.toml"
    config.write_text(f"""
[plugins]
dns_server = "{zone.address}"
tls_ca = "{files.ca}"
tls_cert = "{gateway.cert}"
tls_key = "{gateway.key}"
[plugins.remote."{TODO}"]
target = "dns:///{NAME}:{port}"
[workspace]
api_listen = "127.0.0.1:{api_port}"
api_cert = "{shown.cert}"
api_key = "{shown.key}"
api_client_ca = "{files.ca}"
""")
    options = ("--config", config, "--data-dir", folder / "data")
    return await stack.enter_async_context(running(*options, environment=WITH_WORKSPACE))


class Person:
    """The administrator, who has things to do."""

    def __init__(self, gateway: Gateway, data: Path) -> None:
        self._port = gateway.port
        self._bearer = ("authorization", f"Bearer {(data / 'admin-token').read_text().strip()}")

    async def rest(self, method: str, path: str, **body: object) -> Any:
        answer = await fetch(self._port, f"/api/v4{path}", method, [self._bearer], json.dumps(body).encode())
        assert answer.status < 300, answer
        return answer.json()

    async def page(self) -> str:
        answer = await fetch(self._port, f"/plugins/{TODO}/", headers=[self._bearer])
        assert answer.status == 200, answer
        return answer.body.decode()


async def plugins(gateway: Gateway) -> dict[str, Any]:
    told = (await fetch(gateway.port, "/readyz?verbose")).json()
    return {plugin["id"]: plugin for plugin in told["plugins"]}


async def until_running(gateway: Gateway, plugin_id: str, count: int) -> list[dict[str, Any]]:
    """Its endpoints or replicas, once so many run."""
    async with asyncio.timeout(PATIENCE):
        while True:
            plugin = (await plugins(gateway))[plugin_id]
            replicas: list[dict[str, Any]] = plugin.get("replicas", [plugin])
            if [replica["state"] for replica in replicas] == ["running"] * count:
                return replicas
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("deploy", "count"), [(in_one_process, 1), (in_two_replicas, 2), (on_three_hosts, 3)])
async def test_todo_runs_unchanged_by_configuration_only(
    tmp_path: Path,
    certificates: Certificates,  # it is the fixture
    deploy: Deployed,
    count: int,
) -> None:
    async with AsyncExitStack() as stack:
        gateway = await deploy(stack, tmp_path, certificates)
        await until_running(gateway, TODO, count)
        person = Person(gateway, tmp_path / "data")
        team = await person.rest("POST", "/teams", name="lab", display_name="Lab", type="O")
        channel = await person.rest("GET", f"/teams/{team['id']}/channels/name/town-square")

        async def command(text: str) -> str:
            place = {"channel_id": channel["id"], "team_id": team["id"]}
            return str((await person.rest("POST", "/commands/execute", command=text, **place))["text"])

        told = [await command(f"/todo thing {number}") for number in range(1, 7)]
        assert told[-1] == "\n".join(f"{number}. thing {number}" for number in range(1, 7))
        for _ in range(2 * count):  # each endpoint has its turn
            assert "<span>6. thing 6</span>" in await person.page()


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
