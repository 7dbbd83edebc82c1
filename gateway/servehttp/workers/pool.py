"""The workers of a gateway: started, told of the plugins, replaced when they end, stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterable, Sequence

import structlog

from servehttp.aio import first_completed
from servehttp.app import new_run
from servehttp.errors import GatewayError
from servehttp.figures import Counts
from servehttp.plugins.backoff import Backoff, RestartPolicy
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.reaper import Reaper
from servehttp.requests_seen import RequestsSeen
from servehttp.settings.gateway import GatewaySettings
from servehttp.tasks import log_tasks
from servehttp.workers.channel import Channel
from servehttp.workers.counting import WorkerFigures
from servehttp.workers.messages import (
    Change,
    Counted,
    Dump,
    Forgotten,
    Hello,
    Message,
    MessageError,
    Seen,
    Serving,
    Settled,
    Setup,
)
from servehttp.workers.notifier import WorkerNotifier
from servehttp.workers.process import WorkerProcess
from servehttp.workers.shares import Share, create_shares

COMMAND = (sys.executable, "-P", "-m", "servehttp.workers.worker")
REPLACEMENT = RestartPolicy(first_delay=0.1, longest_delay=10.0, limit=None, window=60.0)
"""A worker serves everybody, so it is replaced soon, and for ever."""
STOP_GRACE = 5.0
"""Seconds beyond the time for open requests that a worker has to end."""

log = structlog.get_logger("servehttp.workers")


class WorkerPool:
    """As many workers as the settings say.

    Args:
        settings: those of the gateway.
        plugins: what the workers are told of.
        notifier: where it is kept what they were told.
        listener: what they accept connections from.
        reaper: ends them should the gateway be killed.
        command: the program of a worker.
        has_host: whether the plugins are part of something that knows who sends requests.

    Attributes:
        figures: what they have counted.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        plugins: Iterable[PluginHandle],
        notifier: WorkerNotifier,
        listener: socket.socket,
        reaper: Reaper,
        command: Sequence[str] = COMMAND,
        *,
        has_host: bool = False,
    ) -> None:
        self.figures = WorkerFigures(settings.metrics.timeout)
        self._settings = settings.server
        self._setup = settings.model_dump(mode="json")
        self._has_host = has_host
        self._run = new_run()
        self._shares = create_shares(settings.server.workers)
        self._plugins = plugins
        self._notifier = notifier
        self._listener = listener
        self._reaper = reaper
        self._command = command
        self._workers: set[WorkerProcess] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._proven = False

    async def run(self) -> None:
        """Start them, and keep their number until `stop`.

        Raises:
            GatewayError: one ended before any has served.
        """
        self._keepers = [asyncio.create_task(self._keep(place)) for place in range(self._settings.workers)]
        await asyncio.wait(self._keepers, return_when=asyncio.FIRST_EXCEPTION)
        for keeper in self._keepers:
            if keeper.done():
                keeper.result()

    async def counts(self) -> Counts:
        """What they have counted; a `Counter`."""
        return await self.figures.counts()

    async def requests(self, most: int) -> RequestsSeen:
        """Those of all workers; a `Witness`."""
        return await self.figures.requests(most)

    async def wait_serving(self) -> None:
        """Returns when all of them take connections, and are connected to every plugin that runs."""
        await self._notifier.wait_serving(self._settings.workers, self._plugins)

    async def stop(self) -> None:
        """End all in order: what is open may go on for `server.drain_timeout`. Idempotent."""
        self._stopping.set()
        for worker in self._workers:
            worker.stop()
        if self._keepers:
            _, late = await asyncio.wait(self._keepers, timeout=self._settings.drain_timeout + STOP_GRACE)
            if late:
                log.error("workers do not end, and are killed", workers=[worker.pid for worker in self._workers])
            self.kill()
            await asyncio.gather(*self._keepers, return_exceptions=True)
        self._shares.close()

    def change(self, settings: GatewaySettings) -> None:
        """Have all of them, and those that follow, go by other settings."""
        self._settings = settings.server
        self._setup = settings.model_dump(mode="json")
        self._send(Change(self._setup))

    def dump(self) -> None:
        """Log the tasks of this process, and have all of them log what they do."""
        log_tasks()
        self._send(Dump())

    def _send(self, message: Message) -> None:
        for worker in self._workers:
            worker.channel.send(message)

    def kill(self) -> None:
        """End all at once."""
        for worker in self._workers:
            worker.kill()

    async def _keep(self, place: int) -> None:
        """There is one worker, and after it the next."""
        backoff = Backoff(REPLACEMENT)
        while not self._stopping.is_set():
            end = await self._run_worker(place)
            if self._stopping.is_set():
                return
            if not self._proven:
                raise GatewayError(f"a worker did not start: {end}; the log says why")
            delay = backoff.failed() or 0.0
            log.warning("worker is gone, another one follows", how=end, seconds=delay)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()

    async def _run_worker(self, place: int) -> str:
        """From its start to its end; returns how it ended."""
        shared = [self._listener.fileno(), self._shares.fileno()]
        try:
            worker = await WorkerProcess.start(
                self._command, Setup(self._setup, place, self._has_host, self._run), shared, self._reaper
            )
        except OSError as error:
            return f"its process cannot be started: {error}"
        self._workers.add(worker)
        if self._stopping.is_set():
            worker.stop()
        try:
            await first_completed(self._listen(worker), worker.exited.wait())
        finally:
            self._notifier.leave(worker.channel)
            self.figures.leave(worker.channel)
            end = await worker.end()
            Share(self._shares.fileno(), place).leave()
            self._workers.discard(worker)
        return f"process {worker.pid} {end}"

    async def _listen(self, worker: WorkerProcess) -> None:
        """Hear the worker until it hangs up."""
        try:
            while (message := await worker.channel.receive()) is not None:
                match message:
                    case Hello():
                        self._notifier.join(worker.channel, self._plugins)
                        self.figures.join(worker.channel)
                    case Settled():
                        self._notifier.note_settled(worker.channel, message)
                    case Forgotten():
                        self._notifier.note_forgotten(worker.channel, message)
                    case Counted() | Seen():
                        self.figures.note(worker.channel, message)
                    case Serving():
                        self._note_serving(worker.channel, worker.pid)
        except MessageError as error:
            log.error("worker cannot be understood", pid=worker.pid, error=str(error))

    def _note_serving(self, channel: Channel, pid: int) -> None:
        self._proven = True
        self._notifier.note_serving(channel)
        log.info("worker serves", pid=pid)
