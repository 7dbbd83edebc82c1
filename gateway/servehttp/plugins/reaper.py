"""Makes sure that no plugin outlives a gateway that is killed: one small process waits for the gateway's end.

It is told of each process group and socket folder as soon as there is one, through a pipe that ends with the gateway,
however that happens. It is a process of its own because a killed gateway cannot act, and because plugins may be foreign
programs that never look for their parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import structlog

from servehttp.plugins import reaper_process
from servehttp.plugins.child import Child

GRACE = 1.0
"""Seconds from SIGTERM to SIGKILL for the plugins of a killed gateway."""
STOP_TIMEOUT = 2.0
"""Seconds beyond its grace for the process to end in an orderly stop, when it should have nothing to do."""
RESPAWN_DELAY = 1.0
"""Seconds before it is started again, should it ever die."""

log = structlog.get_logger("servehttp.reaper")


class Reaper:
    """The gateway's end of the pipe. Groups and folders may come and go before the start and after a failed one."""

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace
        self._groups: set[int] = set()
        self._folders: set[Path] = set()
        self._child: Child | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The process id, None while there is no process."""
        return self._child.pid if self._child and not self._child.exited.is_set() else None

    async def start(self) -> None:
        """Start the process. If that fails there is a warning: plugins are served without this safety."""
        async with self._turn:
            if self._keeper is None:
                self._spawn()
                self._keeper = asyncio.create_task(self._keep(), name="reaper")

    async def stop(self) -> None:
        """End the process and wait for it. What is still registered is ended by it. Idempotent."""
        async with self._turn:
            if self._keeper is None:
                return
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
            await self._end()

    def add_group(self, group: int) -> None:
        """Tell of a process group that must not outlive the gateway."""
        self._groups.add(group)
        self._tell(f"+group {group}")

    def remove_group(self, group: int) -> None:
        """Tell that a process group is gone."""
        self._groups.discard(group)
        self._tell(f"-group {group}")

    def add_folder(self, folder: Path) -> None:
        """Tell of a folder that must not outlive the gateway."""
        self._folders.add(folder)
        self._tell(f"+folder {folder}")

    def remove_folder(self, folder: Path) -> None:
        """Tell that a folder is gone."""
        self._folders.discard(folder)
        self._tell(f"-folder {folder}")

    def _spawn(self) -> None:
        arguments = (sys.executable, "-I", "-S", reaper_process.__file__, f"{self._grace:g}")
        try:
            self._child = Child(arguments, stdin=subprocess.PIPE, output=subprocess.DEVNULL)
        except OSError as error:
            log.warning("no reaper: plugins would outlive a gateway that is killed", error=str(error))
            return
        assert self._child.stdin is not None
        os.set_blocking(self._child.stdin.fileno(), False)
        for group in self._groups:
            self._tell(f"+group {group}")
        for folder in self._folders:
            self._tell(f"+folder {folder}")

    async def _keep(self) -> None:
        while True:
            if self._child is not None:
                await self._child.exited.wait()
                self._child.close()
                log.warning("reaper died, it is started again", how=self._child.describe_exit())
            await asyncio.sleep(RESPAWN_DELAY)
            self._spawn()

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.close()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._grace + STOP_TIMEOUT):
                    await child.exited.wait()
        finally:
            child.signal_group(signal.SIGKILL)
        await child.exited.wait()

    def _tell(self, line: str) -> None:
        if self._child is None or self._child.stdin is None or self._child.stdin.closed:
            return
        try:
            os.write(self._child.stdin.fileno(), os.fsencode(line + "\n"))
        except BrokenPipeError:
            pass  # it died: all is told again to the next one
        except BlockingIOError:
            # It does not read any more, so another one is needed.
            self._child.signal_group(signal.SIGKILL)
