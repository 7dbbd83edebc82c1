"""Whoever reaches the listener of metrics keeps neither it nor the gateway from others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest
import structlog

from servehttp.figures import Counts, Figures
from servehttp.metrics import listener
from servehttp.metrics.listener import CONNECTIONS, telling
from servehttp.settings.server import MetricsSettings
from support.client import fetch
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


class Nothing:
    """What was counted where nothing was."""

    async def counts(self) -> Counts:
        return Counts(Figures(), Figures())


@asynccontextmanager
async def told() -> AsyncIterator[int]:
    """The port of a listener."""
    with structlog.testing.capture_logs() as logs:
        async with asyncio.timeout(PATIENCE), telling(MetricsSettings(listen="127.0.0.1:0"), [], Nothing(), None):
            port = urlsplit(logs[0]["url"]).port
            assert port is not None
            yield port


async def silent(port: int, kept: AsyncExitStack) -> asyncio.StreamReader:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    kept.callback(writer.close)
    return reader


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def test_of_too_many_connections_the_longest_silent_makes_room() -> None:
    async with told() as port, AsyncExitStack() as kept:
        for number in range(2 * CONNECTIONS):
            reader = await silent(port, kept)
            if number < CONNECTIONS:
                kept.push_async_callback(ended, reader)  # each of the first ends
        got = await fetch(port, "/metrics")
        assert (got.status, b"servehttp_build_info" in got.body) == (200, True)


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\n"])
async def test_a_connection_that_asks_nothing_ends(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "KEEP_ALIVE", 0.05)
    async with told() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await ended(reader)
        writer.close()
