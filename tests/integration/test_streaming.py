"""Real processes: what a body of any size costs, and what one client's pace does to another's."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from websockets.asyncio.client import connect as connect_websocket

from support.client import connect, fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

SUBJECT = Path(__file__).parent / "plugins" / "subject"
BASE = "/plugins/com.example.subject"

MIB = 1024 * 1024
GROWTH = 64 * MIB
"""What a process may grow by while half a gigabyte passes."""


@pytest.fixture(params=["tunnel", "servehttp"])
async def gateway(request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    async with running(SUBJECT, "--transport", request.param, "--no-access-log") as gateway:
        yield gateway


@pytest.fixture
async def tunnel() -> AsyncIterator[Gateway]:
    async with running(SUBJECT, "--no-access-log") as gateway:
        yield gateway


@asynccontextmanager
async def bounded_growth(gateway: Gateway) -> AsyncIterator[None]:
    """Checks that no process of the gateway grows by more than `GROWTH` meanwhile."""
    processes = [psutil.Process(gateway.pid), *gateway.below()]
    before = {process.pid: process.memory_info().rss for process in processes}
    most = dict(before)

    async def watch() -> None:
        while True:
            for process in processes:
                most[process.pid] = max(most[process.pid], process.memory_info().rss)
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    growth = {pid: (most[pid] - before[pid]) // MIB for pid in before}
    assert max(growth.values()) < GROWTH // MIB, f"grown by MiB: {growth}"


@pytest.mark.soak
@pytest.mark.timeout(120)
async def test_half_a_gigabyte_comes_down_in_bounded_memory(gateway: Gateway) -> None:
    async with bounded_growth(gateway):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(f"GET {BASE}/bytes?n={512 * MIB} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        count = 0
        while piece := await reader.read(1 << 18):
            count += len(piece)
        writer.close()
    assert count == 512 * MIB


@pytest.mark.soak
@pytest.mark.timeout(120)
async def test_half_a_gigabyte_goes_up_in_bounded_memory(gateway: Gateway) -> None:
    piece = bytes(range(256)) * 1024
    digest = hashlib.sha256()
    async with bounded_growth(gateway), connect(gateway.port) as client:
        await client.start("POST", f"{BASE}/digest", [("Content-Length", str(512 * MIB))])
        for _ in range(512 * MIB // len(piece)):
            digest.update(piece)
            await client.send(piece)
        await client.end()
        answer = await client.answer()
    assert answer.json() == {"bytes": 512 * MIB, "sha256": digest.hexdigest()}


async def test_a_reader_stalled_for_seconds_beside_fifty_fast_requests(gateway: Gateway) -> None:
    async with bounded_growth(gateway), connect(gateway.port) as stalled:
        await stalled.start("GET", f"{BASE}/bytes?n={256 * MIB}")
        await stalled.end()
        assert (await stalled.head()).status == 200
        until = time.monotonic() + 2.0
        done = 0
        while time.monotonic() < until or done < 50:
            answer = await asyncio.wait_for(fetch(gateway.port, f"{BASE}/pid"), PATIENCE)
            assert answer.status == 200
            done += 1


async def test_chunk_k_comes_back_before_chunk_k_plus_1_is_sent(gateway: Gateway) -> None:
    async with connect(gateway.port) as client:
        await client.start("POST", f"{BASE}/echo", [("Transfer-Encoding", "chunked")])
        await client.head()
        for number in range(20):
            piece = b"chunk %d" % number * (number + 1)
            await client.send(piece)
            assert await client.exactly(len(piece)) == piece
        await client.end()
        assert await client.piece() is None


async def test_events_arrive_as_they_happen(gateway: Gateway) -> None:
    async with connect(gateway.port) as client:
        await client.start("GET", f"{BASE}/paced")
        await client.end()
        await client.head()
        for number in range(10):
            assert (await fetch(gateway.port, f"{BASE}/pace")).status == 200
            event = b"data: %d\n\n" % number
            assert await client.exactly(len(event)) == event


async def seen(gateway: Gateway, what: str) -> None:
    """Waits until the plugin has noted something."""
    async with asyncio.timeout(PATIENCE):
        while what not in (await fetch(gateway.port, f"{BASE}/seen")).json():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("orderly", [True, False], ids=["FIN", "RST"])
@pytest.mark.parametrize("path", ["events", "watch"])
async def test_a_client_that_leaves_is_seen_by_the_application(gateway: Gateway, path: str, orderly: bool) -> None:
    async with connect(gateway.port) as client:
        await client.start("GET", f"{BASE}/{path}")
        await client.end()
        await seen(gateway, f"{path} begun")
        await client.close() if orderly else client.abort()
        await seen(gateway, f"{path} ended")


async def test_a_client_that_leaves_in_mid_upload_is_seen_though_nothing_reads(gateway: Gateway) -> None:
    async with connect(gateway.port) as client:
        await client.start("POST", f"{BASE}/swallow", [("Content-Length", str(64 * MIB))])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.send(b"x" * 64 * MIB), 1.0)
        await seen(gateway, "swallow begun")
        client.abort()
        await seen(gateway, "swallow ended")


async def test_a_websocket_talks_through_the_gateway(tunnel: Gateway) -> None:
    async with connect_websocket(f"ws://127.0.0.1:{tunnel.port}{BASE}/ws") as ws:
        for text in ("one", "two", "ü" * 100_000):
            await ws.send(text)
            assert await ws.recv() == text
