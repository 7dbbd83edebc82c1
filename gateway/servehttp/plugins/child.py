"""A child process of the gateway, in a session of its own, whose end is an event.

The event loop's own subprocesses are not used: those of uvloop inherit every file of the gateway that is marked
inheritable, and are made by a real fork, which stops gRPC's threads. `subprocess` closes all files and uses vfork.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import structlog

log = structlog.get_logger("servehttp.plugins")


class Child:
    """A running process, the leader of its group.

    Attributes:
        pid: the number of the process, and of its group.
        exited: set when it has ended, and its group with it.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        on_exit: Callable[[], None] | None = None,
        sweep: Callable[[], None] | None = None,
        stdin: int = subprocess.DEVNULL,
        output: int = subprocess.PIPE,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        Args:
            arguments: the program and its arguments.
            on_exit: called in the event loop when it has ended.
            sweep: called before that, in a thread, to end what has left the group.
            stdin: as for `subprocess`.
            output: the same, for both stdout and stderr.
            folder: its working folder.
            environment: all of its environment; without it the gateway's.

        Raises:
            OSError: it cannot be started.
        """
        self._process = subprocess.Popen(
            arguments,
            bufsize=0,
            stdin=stdin,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.exited = asyncio.Event()
        self._on_exit = on_exit
        self._sweep = sweep
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._watch, args=(loop,), name=f"wait for {self.pid}", daemon=True).start()

    @property
    def stdin(self) -> IO[bytes] | None:
        """The pipe to it, if one was asked for."""
        return self._process.stdin

    @property
    def outputs(self) -> tuple[IO[bytes] | None, IO[bytes] | None]:
        """The pipes from its stdout and stderr, if they were asked for."""
        return self._process.stdout, self._process.stderr

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; nothing happens once the process has ended."""
        if not self.exited.is_set():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    @property
    def ended_well(self) -> bool:
        """Whether it has ended by itself, with nothing to complain of."""
        return self._process.returncode == 0

    def describe_exit(self) -> str:
        """How it ended."""
        code = self._process.returncode
        if code is None:
            return "did not end"
        if code >= 0:
            return f"exited with code {code}"
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"

    def close(self) -> None:
        """Close the pipes that nobody else has taken."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if hasattr(os, "waitid"):
            # Until it is reaped, below, its number and its group's belong to nobody else.
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()
        self.signal_group(signal.SIGKILL)
        try:
            if self._sweep is not None:
                self._sweep()
        except Exception:  # that it has ended is told all the same: nobody else would
            log.exception("what a plugin may have left could not be looked for", pid=self.pid)
        with contextlib.suppress(RuntimeError):  # the loop may have been closed without waiting for the process
            loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        self._process.wait()
        self.exited.set()
        if self._on_exit is not None:
            self._on_exit()
