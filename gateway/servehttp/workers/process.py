"""One worker's process, as the main process has it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Sequence

from servehttp.plugins.child import Child
from servehttp.plugins.reaper import Reaper
from servehttp.workers.channel import Channel
from servehttp.workers.messages import Setup, encode

EXIT_NOTICE = 2.0
"""Seconds between a worker hanging up and its end, if the one is part of the other."""


class WorkerProcess:
    """A fresh interpreter: it inherits neither gRPC's threads nor any file but its channel, which is its stdin.

    Its output goes where that of the main process goes. It has a session of its own, so that a Ctrl-C reaches the main
    process alone.

    Attributes:
        pid: the process id.
        channel: what it says, and is told.
        exited: set when it has ended.
    """

    def __init__(self, child: Child, channel: Channel) -> None:
        self.pid = child.pid
        self.channel = channel
        self.exited = child.exited
        self._child = child

    @classmethod
    async def start(cls, command: Sequence[str], setup: Setup, files: Sequence[int], reaper: Reaper) -> WorkerProcess:
        """Start it.

        Args:
            command: the program and its arguments.
            setup: what it is told first.
            files: descriptors it is sent: of the listening socket, and of the memory that workers share.
            reaper: ends it should the main process be killed, and it not notice.

        Raises:
            OSError: it cannot be started.
        """
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as undo:
            undo.enter_context(ours)
            with theirs:
                child = Child(
                    command,
                    stdin=theirs.fileno(),
                    output=sys.stderr.fileno(),
                    on_exit=lambda: reaper.remove_group(child.pid),
                )
            undo.callback(child.signal_group, signal.SIGKILL)
            reaper.add_group(child.pid)
            with contextlib.suppress(BrokenPipeError):  # it has ended at once; how, its end tells
                socket.send_fds(ours, [encode(setup)], files)
            channel = await Channel.over(ours)
            undo.pop_all()
        return cls(child, channel)

    def stop(self) -> None:
        """Let it end in order: no new connections, and what is open may go on for a while."""
        self._child.signal_group(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._child.signal_group(signal.SIGKILL)

    async def end(self) -> str:
        """Make sure that it has ended; returns how."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EXIT_NOTICE):
                    await self.exited.wait()
        finally:
            self.kill()
            await self.channel.close()
        await self.exited.wait()
        return self._child.describe_exit()
