"""Processes that are started, replaced and stopped; in place of real workers small scripts that speak as they do."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from servehttp.errors import GatewayError
from servehttp.plugins.backoff import RestartPolicy
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.registry import Registry
from servehttp.settings.server import ServerSettings
from servehttp.workers.notifier import WorkerNotifier
from servehttp.workers.pool import WorkerPool
from servehttp.workspace.settings import Settings
from support.patience import PATIENCE
from support.supervision import is_alive, no_leaks, until

pytestmark = pytest.mark.anyio

BEGIN = """
import os, signal, socket, sys, time
channel = socket.socket(fileno=0)
line, files, *_ = socket.recv_fds(channel, 65536, 1)
assert line.startswith(b'{"kind": "Setup", "settings": {'), line
listener = socket.socket(fileno=files[0])
def say(line):
    channel.sendall(line + b"\\n")
"""
SERVE = """
say(b'{"kind": "Hello"}')
say(b'{"kind": "Serving"}')
while True:
    connection = listener.accept()[0]
    connection.sendall(b"%d" % os.getpid())
    connection.close()
"""
WORKER = BEGIN + SERVE


@pytest.fixture(autouse=True)
def records() -> Iterator[list[Any]]:
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as captured:
        yield captured


class Stage:
    """A pool, the socket that it serves, and the task that runs it."""

    def __init__(self, command: tuple[str, ...], workers: int, drain_timeout: float) -> None:
        settings = Settings(server=ServerSettings(workers=workers, drain_timeout=drain_timeout))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.pool = WorkerPool(settings, Registry([], Reaper()), WorkerNotifier(), self.listener, Reaper(), command)
        self.running = asyncio.create_task(self.pool.run())

    async def ask(self) -> int:
        """The process that answers."""
        reader, writer = await asyncio.open_connection(*self.listener.getsockname())
        try:
            return int(await reader.read())
        finally:
            writer.close()


@asynccontextmanager
async def pool(
    script: str = WORKER, workers: int = 1, drain_timeout: float = 5, program: str = sys.executable
) -> AsyncIterator[Stage]:
    stage = Stage((program, "-I", "-S", "-c", script), workers, drain_timeout)
    try:
        async with asyncio.timeout(PATIENCE):
            yield stage
    finally:
        async with asyncio.timeout(PATIENCE):
            await stage.pool.stop()
            await asyncio.gather(stage.running, return_exceptions=True)
        stage.listener.close()


async def test_all_serve_the_one_socket_and_end_with_the_pool() -> None:
    with no_leaks():
        async with pool(workers=3) as stage:
            await stage.pool.wait_serving()
            pids: set[int] = set()
            while len(pids) < 3:
                pids.add(await stage.ask())
        assert not any(is_alive(pid) for pid in pids)


async def test_a_worker_that_is_killed_is_replaced_and_the_log_says_how_it_ended(records: list[Any]) -> None:
    async with pool() as stage:
        await stage.pool.wait_serving()
        first = await stage.ask()
        os.kill(first, signal.SIGKILL)
        await until(lambda: not is_alive(first))  # until then it may still take a connection, and answer nothing
        assert await stage.ask() != first
    [gone] = [record for record in records if record["event"] == "worker is gone, another one follows"]
    assert gone["how"] == f"process {first} was killed by SIGKILL"


async def test_a_worker_that_ends_before_any_has_served_is_an_error() -> None:
    async with pool("import sys; sys.exit(7)", workers=2) as stage:
        with pytest.raises(GatewayError, match=r"a worker did not start: process \d+ exited with code 7; the log"):
            await stage.running


@pytest.mark.parametrize("last_words", ["say(b'nonsense')", "channel.close()"], ids=["talks nonsense", "hangs up"])
async def test_a_worker_that_cannot_be_spoken_with_is_replaced(
    last_words: str, monkeypatch: pytest.MonkeyPatch, records: list[Any]
) -> None:
    monkeypatch.setattr("servehttp.workers.process.EXIT_NOTICE", 0.05)
    script = BEGIN + 'say(b\'{"kind": "Serving"}\')\n' + last_words + "\ntime.sleep(600)"
    async with pool(script):
        await until(lambda: any("gone" in record["event"] for record in records))
    [gone, *_] = [record for record in records if "gone" in record["event"]]
    assert gone["how"].endswith("was killed by SIGKILL")


async def test_a_stop_lets_a_worker_end_in_order(records: list[Any]) -> None:
    orderly = "def end(*_):\n    say(b'ended in order')\n    sys.exit(0)\nsignal.signal(signal.SIGTERM, end)\n"
    async with pool(BEGIN + orderly + SERVE) as stage:
        await stage.pool.wait_serving()
        await stage.pool.stop()
        await stage.running
    assert [record["error"] for record in records if "error" in record] == [
        "not a message of the gateway's processes: b'ended in order\\n'"
    ]


async def test_a_worker_that_does_not_end_is_killed_in_time(
    monkeypatch: pytest.MonkeyPatch, records: list[Any]
) -> None:
    monkeypatch.setattr("servehttp.workers.pool.STOP_GRACE", 0.1)
    async with pool(BEGIN + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVE, drain_timeout=0) as stage:
        await stage.pool.wait_serving()
        pid = await stage.ask()
        await stage.pool.stop()
        assert not is_alive(pid)
    assert {"event": "workers do not end, and are killed", "log_level": "error", "workers": [pid]} in records


async def test_a_stop_does_not_wait_for_the_next_attempt(monkeypatch: pytest.MonkeyPatch, records: list[Any]) -> None:
    monkeypatch.setattr("servehttp.workers.pool.REPLACEMENT", RestartPolicy(600, longest_delay=600, limit=None))
    async with pool() as stage:
        await stage.pool.wait_serving()
        os.kill(await stage.ask(), signal.SIGKILL)
        await until(lambda: any("gone" in record["event"] for record in records))
        await stage.pool.stop()
        await stage.running


async def test_a_stop_during_the_start_ends_both() -> None:
    with no_leaks():
        async with pool("import time; time.sleep(600)", workers=2) as stage:
            await stage.pool.stop()
            await stage.running


async def test_a_program_that_is_not_there_is_an_error() -> None:
    async with pool(program="/nowhere/python") as stage:
        with pytest.raises(GatewayError, match=r"its process cannot be started: .*No such file"):
            await stage.running
