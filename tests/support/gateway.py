"""`servehttp serve` as a process of its own, as a person would run it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from support.forked import Process, start
from support.patience import PATIENCE

START = PATIENCE
"""Seconds for a gateway with its plugins to come up on a busy machine."""
STOP = PATIENCE
CLEAN_UP = 5.0
"""Seconds for the gateway's own helper to end what a killed gateway leaves."""
MEASURED = "COVERAGE_PROCESS_CONFIG" in os.environ
"""A process that is killed does not tell what ran in it."""
WITHOUT_WORKSPACE = {"SERVEHTTP_WORKSPACE__ENABLED": "false"}
"""Tests of what it does ask for it; the others need not wait for a database."""

Log = dict[str, Any]


class Gateway:
    """A running gateway.

    Attributes:
        port: where it serves.
        logs: every line it has logged.
        seen: every process that was ever seen below it.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.port = 0
        self.logs: list[Log] = []
        self.seen: set[psutil.Process] = set()
        self._logged = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self.process.pid

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            try:
                log = json.loads(line)
            except ValueError:
                log = {"event": line.decode("utf-8", "replace").rstrip()}
            self.logs.append(log)
            self._tell()
        self._tell()

    def _tell(self) -> None:
        self._logged.set()
        self._logged = asyncio.Event()

    async def log(self, wanted: Callable[[Log], bool], within: float = START) -> Log:
        """The first line that is wanted, once it has been logged."""
        try:
            async with asyncio.timeout(within):
                while (found := next((log for log in self.logs if wanted(log)), None)) is None:
                    if self._reader.done():
                        raise AssertionError(f"the gateway ended with {self.process.returncode}: {self.logs[-20:]}")
                    await self._logged.wait()
        except TimeoutError:
            raise AssertionError(f"not logged within {within} s: {self.logs[-20:]}") from None
        return found

    def below(self) -> list[psutil.Process]:
        """The processes that the gateway has started, and those that they have."""
        try:
            processes = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self.seen.update(processes)
        return processes

    async def wait_serving(self) -> None:
        """Waits until every plugin has come up or failed."""
        log = await self.log(lambda log: log["event"] == "serving")
        self.port = int(log["url"].rpartition(":")[2])
        self.below()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it and wait for its end; returns the exit code."""
        self.below()
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(STOP):
            code = await self.process.wait()
            await self._reader
        return code

    async def wait_gone(self, within: float = PATIENCE) -> None:
        """Waits until no process that was ever seen below it lives."""
        async with asyncio.timeout(within):
            while any(_lives(process) for process in self.seen):
                await asyncio.sleep(0.02)

    async def clean_up(self) -> None:
        """End what a failed test has left."""
        self.below()
        if self.process.returncode is None and MEASURED:
            self.process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), STOP)
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        with contextlib.suppress(TimeoutError):
            await self.wait_gone(CLEAN_UP)
        for process in self.seen:
            if _lives(process):
                process.kill()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def running(
    *arguments: str | Path,
    environment: dict[str, str] | None = None,
    serving: bool = True,
    files: int | None = None,
    terminal: bool = False,
) -> AsyncIterator[Gateway]:
    """Start `servehttp serve` with JSON logs at a free port; ends it however the test does.

    Args:
        arguments: plugin folders and options.
        environment: variables beside the test's own.
        serving: wait until it serves.
        files: how many it may open at a time.
        terminal: whether its standard input is a terminal.
    """
    ends: tuple[int, ...] = os.openpty() if terminal else ()
    process = await start(
        ["serve", "--port", "0", "--log-format", "json", *map(str, arguments)],
        {**os.environ, **WITHOUT_WORKSPACE, **(environment or {})},
        files,
        stdin=ends[1] if terminal else None,
    )
    gateway = Gateway(process)
    try:
        if serving:
            await gateway.wait_serving()
        yield gateway
    finally:
        await gateway.clean_up()
        for end in ends:
            os.close(end)
