"""Server-sent events by sse-starlette, through a gateway: pings, clients that leave, and a gateway that stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.client import Broken, Client, connect, fetch
from support.gateway import STOP, Gateway, running

pytestmark = pytest.mark.anyio

PLUGIN = Path(__file__).parent / "plugins" / "events"
BASE = "/plugins/com.example.events"
PATIENT = {"SERVEHTTP_SERVER__DRAIN_TIMEOUT": str(10 * STOP)}
"""A gateway that would wait for open streams for longer than a test waits for it."""


async def begin(client: Client, name: str) -> None:
    """Ask for a stream, up to its first event."""
    await client.start("GET", f"{BASE}/{name}")
    await client.end()
    head = await client.head()
    assert head.status == 200
    assert head.header("content-type") == "text/event-stream; charset=utf-8"
    assert head.header("x-accel-buffering") == "no"
    event = await client.piece()
    assert event is not None
    assert b"data: " in event


async def waiting(gateway: Gateway) -> int:
    return int((await fetch(gateway.port, f"{BASE}/waiting")).json())


@pytest.mark.parametrize("transport", ["tunnel", "servehttp"])
async def test_pings_arrive_and_a_client_that_leaves_ends_its_stream_and_no_other(transport: str) -> None:
    async with (
        running(PLUGIN, "--transport", transport) as gateway,
        connect(gateway.port) as stays,
        connect(gateway.port) as leaves,
    ):
        await begin(stays, "rare")
        await begin(leaves, "silent")
        assert await waiting(gateway) == 2
        leaves.abort()
        await gateway.log(lambda log: log["event"] == "silent ended")
        assert await waiting(gateway) == 1
        for _ in range(3):
            assert (await stays.piece() or b"").startswith(b": ping")


async def test_a_gateway_that_stops_ends_streams_and_waits_for_none() -> None:
    async with (
        running(PLUGIN, environment=PATIENT) as gateway,
        connect(gateway.port) as silent,
        connect(gateway.port) as farewell,
    ):
        await begin(silent, "silent")
        await begin(farewell, "farewell")
        assert await gateway.stop() == 0
        with pytest.raises(Broken):
            await silent.rest()
        assert await farewell.piece() == b"data: goodbye\r\n\r\n"
    assert any(log["event"] == "silent ended" for log in gateway.logs)
