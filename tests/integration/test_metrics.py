"""What Prometheus is told by a gateway that serves real requests."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from websockets.asyncio.client import connect as connect_websocket

from support.client import Answer, connect, fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

PLUGINS = Path(__file__).parent / "plugins"
ID = "com.example.subject"
BASE = f"/plugins/{ID}"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def measured(*arguments: str | Path, **environment: str) -> AbstractAsyncContextManager[Gateway]:
    return running(PLUGINS / "subject", "--metrics", "127.0.0.1:0", *arguments, environment=environment)


async def told(gateway: Gateway, accept: str = "") -> Answer:
    line = await gateway.log(lambda log: log["event"] == "figures are told")
    url = urlsplit(line["url"])
    assert url.port is not None
    return await fetch(url.port, url.path, headers=[("accept", accept)] if accept else [])


async def samples(gateway: Gateway) -> Samples:
    text = (await told(gateway)).body.decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0)


def requests(samples: Samples, method: str, status_class: str, plugin_id: str = ID) -> float:
    return of(
        samples,
        "http_server_request_duration_seconds_count",
        plugin_id=plugin_id,
        http_request_method=method,
        http_response_status_class=status_class,
    )


async def until(gateway: Gateway, method: str, status_class: str, number: int) -> Samples:
    """The samples once so many requests have been counted: the client has its answer a moment before."""
    async with asyncio.timeout(PATIENCE):
        while requests(found := await samples(gateway), method, status_class) < number:
            await asyncio.sleep(0.02)
    return found


async def raw(gateway: Gateway, data: bytes) -> bytes:
    """What these bytes are answered with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_requests_are_counted_by_plugin_method_and_class(workers: str) -> None:
    async with measured("--workers", workers) as gateway:
        for _ in range(5):
            assert (await fetch(gateway.port, f"{BASE}/bytes?n=1000")).status == 200
        assert (await fetch(gateway.port, f"{BASE}/digest", method="POST", body=b"12345")).json()["bytes"] == 5
        assert (await raw(gateway, b"NONSENSE\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
        for number in range(3):
            await fetch(gateway.port, f"/plugins/made-up-{number}/", method="PROPFIND")
        await until(gateway, "POST", "2xx", 1)
        found = await until(gateway, "GET", "2xx", 5)
        assert requests(found, "GET", "2xx") == 5
        assert requests(found, "_OTHER", "4xx", "") == 3
        assert {labels for name, labels in found if name == "http_server_active_requests"} == {
            frozenset({("plugin_id", ID)})
        }
        assert not [labels for _, labels in found if "made-up" in str(labels) or "PROPFIND" in str(labels)]
        assert of(found, "servehttp_body_bytes_total", plugin_id=ID, direction="in") == 5
        assert of(found, "servehttp_refusals_total", plugin_id="", http_response_status_code="404") == 3
        assert of(found, "servehttp_refusals_total", plugin_id="", http_response_status_code="400") == 1
        assert of(found, "servehttp_first_byte_seconds_count", plugin_id=ID) == 6
        assert of(found, "servehttp_plugin_state", plugin_id=ID, state="running") == 1
        assert of(found, "servehttp_plugin_memory_bytes", plugin_id=ID) > 1_000_000
        assert of(found, "servehttp_server_memory_bytes") > 1_000_000 * int(workers)


async def test_messages_of_websockets_and_ends_before_their_time_are_counted() -> None:
    async with measured() as gateway:
        async with connect_websocket(f"ws://127.0.0.1:{gateway.port}{BASE}/ws") as websocket:
            for _ in range(3):
                await websocket.send("hello")
                assert await websocket.recv() == "hello"
        async with connect_websocket(f"ws://127.0.0.1:{gateway.port}{BASE}/ws") as websocket:
            os.kill((await fetch(gateway.port, f"{BASE}/pid")).json(), signal.SIGKILL)
            await websocket.wait_closed()
        async with asyncio.timeout(PATIENCE):
            while (
                of(found := await samples(gateway), "servehttp_websocket_messages_total", plugin_id=ID, direction="in")
                < 3
            ):
                await asyncio.sleep(0.02)
            while not of(found, "servehttp_plugin_restarts_total", plugin_id=ID):
                found = await samples(gateway)
        assert of(found, "servehttp_websockets_total", plugin_id=ID, http_response_status_class="1xx") == 2
        assert of(found, "servehttp_exchanges_cut_short_total", plugin_id=ID, cause="cancelled") == 1


@pytest.mark.parametrize(
    ("method", "path", "waits_for", "direction"),
    [("POST", "/swallow", "plugin", "in"), ("GET", "/bytes?n=500000000", "client", "out")],
)
async def test_who_keeps_the_other_waiting_is_told_and_how_long_it_was(
    method: str, path: str, waits_for: str, direction: str
) -> None:
    async with measured() as gateway:
        async with connect(gateway.port) as client:
            await client.start(method, f"{BASE}{path}", [("content-length", "8000000")] if method == "POST" else [])
            if method == "POST":
                client.writer.write(bytes(8_000_000))
            async with asyncio.timeout(PATIENCE):
                while not any(log.get("waits_for") == waits_for for log in gateway.logs):
                    gateway.process.send_signal(signal.SIGUSR1)  # which has the requests that are open logged
                    await asyncio.sleep(0.05)
            client.writer.transport.abort()
        async with asyncio.timeout(PATIENCE):
            while not of(
                await samples(gateway), "servehttp_flow_wait_seconds_total", plugin_id=ID, direction=direction
            ):
                await asyncio.sleep(0.02)


async def test_what_a_worker_has_counted_outlives_it() -> None:
    async with measured("--workers", "2") as gateway:
        for _ in range(8):
            await fetch(gateway.port, f"{BASE}/bytes?n=1")
        before = requests(await until(gateway, "GET", "2xx", 8), "GET", "2xx")
        for line in [log for log in gateway.logs if log["event"] == "worker serves"]:
            os.kill(line["pid"], signal.SIGKILL)
            await gateway.log(lambda log: log["event"] == "worker is gone, another one follows")
        assert requests(await samples(gateway), "GET", "2xx") >= before


async def test_hooks_and_calls_of_the_api_are_counted_by_name_and_outcome(tmp_path: Path) -> None:
    environment = {"SERVEHTTP_WORKSPACE__ENABLED": "true", "SERVEHTTP_DATA_DIR": str(tmp_path)}
    async with running(PLUGINS / "member", "--metrics", "127.0.0.1:0", environment=environment) as gateway:
        async with asyncio.timeout(PATIENCE):
            while (
                "UserHasBeenCreated made-1"
                not in (await fetch(gateway.port, "/plugins/com.example.member/seen")).json()
            ):
                await asyncio.sleep(0.02)
        found = await samples(gateway)
    member = "com.example.member"
    name = "servehttp_api_call_duration_seconds_count"
    assert of(found, name, plugin_id=member, rpc="CreateUser", outcome="answered") == 1
    name = "servehttp_hook_duration_seconds_count"
    assert of(found, name, plugin_id=member, hook="UserHasBeenCreated", outcome="answered") == 1


async def test_it_speaks_openmetrics_to_whoever_asks_for_it_and_knows_no_other_path() -> None:
    async with measured() as gateway:
        answer = await told(gateway, OPENMETRICS)
        content_type = answer.header("content-type")
        assert content_type is not None
        assert content_type.startswith("application/openmetrics-text")
        names = {family.name for family in parse_openmetrics(answer.body.decode())}  # type: ignore[no-untyped-call]
        assert {"http_server_request_duration_seconds", "servehttp_plugin_restarts", "process_cpu_seconds"} <= names
        assert (await fetch(gateway.port, "/metrics")).status == 404
        assert await gateway.stop() == 0


async def test_an_address_that_is_in_use_is_told_in_one_line() -> None:
    async with measured() as gateway:
        line = await gateway.log(lambda log: log["event"] == "figures are told")
        address = urlsplit(line["url"]).netloc
        async with running(PLUGINS / "subject", "--metrics", address, serving=False) as other:
            told = await other.log(lambda log: log["event"].startswith("error: cannot listen on"))
            assert told["event"] == (
                f"error: cannot listen on {address}: it is in use; stop the other process, or choose another port "
                "with --metrics"
            )
            assert await other.process.wait() == 1


PROGRAM = """
import logging

from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get
from prometheus_client import Counter
from starlette.responses import PlainTextResponse

POLLS = Counter("polls", "Polls that were begun.", ["team"])


class Polls(Plugin):
    @get("/begin")
    async def begin(self, request):
        POLLS.labels("red").inc()
        logging.getLogger("polls").debug("a poll begins")
        return PlainTextResponse("ok")


run_plugin(Polls)
"""


async def test_a_plugins_own_metrics_and_log_level_while_it_runs(tmp_path: Path) -> None:
    plugin, base = "com.example.polls", "/plugins/com.example.polls"
    folder = tmp_path / "polls"
    folder.mkdir()
    (folder / "plugin.json").write_text(
        f'{{"id": "{plugin}", "server": {{"runtime": "python", "executable": "plugin.py"}}}}'
    )
    (folder / "plugin.py").write_text(PROGRAM)
    environment = {"SERVEHTTP_WORKSPACE__ENABLED": "true", "SERVEHTTP_DATA_DIR": str(tmp_path / "data")}
    environment["SERVEHTTP_PLUGINS__REPLICAS"] = f"{plugin}=2"
    async with running(folder, "--metrics", "127.0.0.1:0", environment=environment) as gateway:
        assert (await fetch(gateway.port, f"{base}/begin")).status == 200
        found = await samples(gateway)
        each = [of(found, "polls_total", plugin_id=plugin, replica=number, team="red") for number in "12"]
        assert sorted(each) == [0, 1]
        resident = [labels for name, labels in found if name == "process_resident_memory_bytes"]
        assert len(resident) == 3, "the gateway's, and one of each replica"
        assert not [log for log in gateway.logs if log["event"] == "a poll begins"]

        token = (tmp_path / "data" / "admin-token").read_text().strip()
        headers = [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")]
        path = f"/api/v4/plugins/{plugin}/log_level"
        assert (await fetch(gateway.port, path, "PUT", headers, b'{"level": "loud"}')).status == 400
        assert (await fetch(gateway.port, path, "PUT", [], b'{"level": "debug"}')).status == 401
        assert (await fetch(gateway.port, path, "PUT", headers, b'{"level": "debug"}')).status == 200
        await fetch(gateway.port, f"{base}/begin", headers=[("X-Request-Id", "r-9")])
        line = await gateway.log(lambda log: log["event"] == "a poll begins")
        assert (line["level"], line["plugin"], line["request_id"]) == ("debug", plugin, "r-9")
