from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog

from servehttp.plugins.reaper import Reaper
from servehttp.plugins.reaper_process import LOOKS, end_strays
from support.supervision import either_loop, is_alive, no_leaks, until

pytestmark = pytest.mark.anyio
anyio_backend = either_loop

GATEWAY = """
import asyncio, os, pathlib, sys
from servehttp.plugins.process import Command, PluginProcess, ProcessSpec
from servehttp.plugins.output import OutputLimits
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.reaper_process import LOOKS, end_strays

async def find_command(user):
    return Command((sys.executable, "-I", "-S", "-u", "plugin.py"), pathlib.Path.cwd())

async def main():
    reaper = Reaper(grace=0.3)
    await reaper.start()
    process = await PluginProcess.launch(ProcessSpec("p", find_command, {}, OutputLimits()), reaper)
    await process.ready(10)
    print(reaper.pid, process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

STUBBORN_PLUGIN = """
import os, signal, subprocess, sys
for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE): signal.signal(n, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
stray = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], start_new_session=True)
open("facts", "w").write(f"{child.pid} {stray.pid} {os.environ['PLUGIN_UNIX_SOCKET_DIR']}")
print("1|1|tcp|127.0.0.1:1|grpc", flush=True)
import time; time.sleep(600)
"""


@pytest.fixture(autouse=True)
def records() -> Iterator[list[Any]]:
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as captured:
        yield captured


@asynccontextmanager
async def running() -> AsyncIterator[Reaper]:
    reaper = Reaper(grace=0.2)
    await reaper.start()
    try:
        yield reaper
    finally:
        await reaper.stop()


@contextmanager
def group() -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_process_with_an_empty_environment_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    sleep = time.sleep

    def nap(seconds: float) -> None:
        naps.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", nap)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"started\n")
        assert process.stdout.read(8) == b"started\n"
        end_strays(["/tmp/nowhere"])
        process.stdin.close()
    assert len(naps) < LOOKS


def test_no_plugin_outlives_a_gateway_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(STUBBORN_PLUGIN)
    (tmp_path / "gateway.py").write_text(GATEWAY)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "gateway.py"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    ) as gateway:
        try:
            assert gateway.stdout is not None
            reaper, plugin = map(int, gateway.stdout.readline().split())
            child, stray, folder = (tmp_path / "facts").read_text().split()
            pids = [reaper, plugin, int(child), int(stray)]
            assert all(is_alive(pid) for pid in pids)
            assert os.path.isdir(folder)
        finally:
            gateway.kill()
    deadline = time.monotonic() + 5
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [is_alive(pid) for pid in pids] == [False] * 4
    assert not os.path.exists(folder)


async def test_an_orderly_stop_ends_the_reaper_and_leaves_nothing() -> None:
    async with running():
        pass
    with no_leaks():
        async with running() as reaper:
            assert reaper.pid is not None
        assert reaper.pid is None


async def test_what_is_no_longer_registered_is_left_alone() -> None:
    with group() as process:
        async with running() as reaper:
            reaper.add_group(process.pid)
            reaper.remove_group(process.pid)
        assert process.poll() is None


async def test_what_is_still_registered_at_the_stop_is_ended(tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    folder.mkdir()
    (folder / "p.sock").touch()
    with group() as process:
        async with running() as reaper:
            reaper.add_group(process.pid)
            reaper.add_folder(folder)
        assert await asyncio.to_thread(process.wait, 5) == -signal.SIGTERM
    assert not folder.exists()


async def test_ctrl_c_and_sigterm_do_not_end_the_reaper() -> None:
    async with running() as reaper:
        assert reaper.pid is not None
        process = psutil.Process(reaper.pid)
        await until(lambda: _ignored(reaper.pid) >= {signal.SIGINT, signal.SIGTERM})
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        assert os.getsid(process.pid) != os.getsid(0)
        with group() as other:
            reaper.add_group(other.pid)
            await reaper.stop()
            assert await asyncio.to_thread(other.wait, 5) == -signal.SIGTERM


async def test_a_reaper_that_dies_is_replaced_and_told_everything_again(records: list[Any]) -> None:
    with group() as process:
        async with running() as reaper:
            reaper.add_group(process.pid)
            first = reaper.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await until(lambda: reaper.pid not in (None, first))
            assert [record["event"] for record in records] == ["reaper died, it is started again"]
        assert await asyncio.to_thread(process.wait, 5) == -signal.SIGTERM


async def test_without_a_start_nothing_is_needed() -> None:
    reaper = Reaper()
    reaper.add_group(1)
    reaper.remove_group(1)
    await reaper.stop()
    assert reaper.pid is None


def _ignored(pid: int | None) -> set[int]:
    """The signals that a process ignores."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    mask = next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:"))
    return {number for number in range(1, 32) if mask >> (number - 1) & 1}
