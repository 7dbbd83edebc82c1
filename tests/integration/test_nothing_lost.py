"""A server that ends under load: what it was sent on a connection that it had not said it would close is answered."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.client import Broken, connect
from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

SUBJECT = Path(__file__).parent / "plugins" / "subject"
TARGET = "/plugins/com.example.subject/pid"
CLIENTS = 24
PAUSE = 0.004
"""Seconds at most between two requests of one connection: mostly it is idle when the server ends."""


@dataclass
class Load:
    """Clients that ask again and again, each on a connection that is used for as long as the server says."""

    port: int
    served: int = 0
    lost: list[str] = field(default_factory=list)
    over: bool = False

    async def ask(self) -> None:
        """Until it is over, or nobody can connect any more."""
        while not self.over:
            try:
                await self._use_one_connection()
            except (ConnectionRefusedError, ConnectionResetError):  # reset: the listener closed in that moment
                return

    async def _use_one_connection(self) -> None:
        async with connect(self.port) as client:
            while not self.over:
                try:
                    answer = await client.request("GET", TARGET)
                except (Broken, OSError) as error:
                    self.lost.append(f"{self.served} {error!r}")
                    return
                assert answer.status == 200, answer
                self.served += 1
                if answer.header("connection") == "close":
                    return
                await asyncio.sleep(random.random() * PAUSE)

    async def more(self, requests: int) -> None:
        """Returns when so many more are served."""
        wanted = self.served + requests
        async with asyncio.timeout(60):
            while self.served < wanted:
                await asyncio.sleep(0.005)


async def end_workers(gateway: Gateway, load: Load, times: int) -> None:
    """Have one worker after the other end under load."""
    for _ in range(times):
        async with connect(gateway.port) as client:
            [plugin] = (await client.request("GET", "/readyz?verbose")).json()["plugins"]
        await load.more(100)
        ended = len([log for log in gateway.logs if log["event"] == "worker serves"])
        os.kill(plugin["worker"], signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            while len([log for log in gateway.logs if log["event"] == "worker serves"]) == ended:
                await asyncio.sleep(0.01)


TIMES = int(os.environ.get("TEST_ENDS", "2"))


@pytest.mark.parametrize("http", ["httptools", "h11"])
async def test_a_worker_that_ends_under_load_loses_no_request(http: str) -> None:
    environment = {"SERVEHTTP_SERVER__WORKERS": "2", "SERVEHTTP_LOG__ACCESS": "false"}
    async with running(SUBJECT, "--http", http, environment=environment) as gateway:
        load = Load(gateway.port)
        clients = [asyncio.create_task(load.ask()) for _ in range(CLIENTS)]
        await end_workers(gateway, load, TIMES)
        load.over = True
        await asyncio.gather(*clients)
        assert (load.lost, load.served > 0) == ([], True)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_gateway_that_ends_under_load_loses_no_request(workers: str) -> None:
    environment = {"SERVEHTTP_SERVER__WORKERS": workers, "SERVEHTTP_LOG__ACCESS": "false"}
    async with running(SUBJECT, environment=environment) as gateway:
        load = Load(gateway.port)
        clients = [asyncio.create_task(load.ask()) for _ in range(CLIENTS)]
        await load.more(300)
        gateway.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*clients)
        assert (load.lost, load.served > 0) == ([], True)
        assert await gateway.stop() == 0
