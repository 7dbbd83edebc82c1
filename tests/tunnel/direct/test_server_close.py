"""The end of a server with calls in progress."""

from __future__ import annotations

import asyncio
import gc
import socket
from pathlib import Path

import pytest

from mattermost_plugin.http2.frames import PREFACE
from mattermost_plugin.tunnel.direct import DirectMessageStream, connect
from support.direct_calls import KIB, Heard, listening, raw, read_to_end, until_it_ends
from support.http2 import PATH, REQUEST, headers, settings, window_update
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", autouse=True)
def _only_what_is_new() -> None:
    """Whatever other tests of this process have left stays, so that the collector is quick here."""
    gc.collect()
    gc.freeze()


async def test_the_servers_close_ends_calls_and_leaves_no_task(tmp_path: Path) -> None:
    async with listening(until_it_ends, tmp_path) as (server, path), raw(path) as (silent, _w):
        streams = [await connect(path, PATH) for _ in range(3)]
        runs = [asyncio.create_task(stream.run(Heard())) for stream in streams]
        await asyncio.sleep(0.01)
        await server.close()
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait(runs)
        await asyncio.gather(*runs, return_exceptions=True)
        for stream in streams:
            await stream.close(1)
        await read_to_end(silent)
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):  # Python 3.13 removes the socket
            await connect(path, PATH)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("turns", range(8))
async def test_a_client_that_comes_while_the_server_closes_leaves_no_task(tmp_path: Path, turns: int) -> None:
    """Between the connection and its first byte are several turns of the loop.

    asyncio itself forgets a connection that it accepts in the very turn in which it stops to listen, with a warning.
    """
    async with listening(until_it_ends, tmp_path) as (server, path):
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            client.connect(str(path))
            for _ in range(turns):
                await asyncio.sleep(0)
            closing = asyncio.create_task(server.close())
            await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            await closing
    gc.collect()


async def test_the_servers_close_does_not_wait_for_a_peer_that_does_not_read(tmp_path: Path) -> None:
    full = asyncio.Event()

    async def handle(stream: DirectMessageStream) -> None:
        while stream.send(bytes(100 * KIB)):
            pass
        full.set()
        await stream.run(Heard())

    window = settings(window=2**31 - 1) + window_update(2**30, 0)
    async with listening(handle, tmp_path) as (server, path), raw(path, PREFACE + window + headers(REQUEST)):
        async with asyncio.timeout(PATIENCE):
            await full.wait()
            await server.close()
