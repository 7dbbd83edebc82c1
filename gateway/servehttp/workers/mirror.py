"""A plugin in a worker: what the main process says of it, and a connection of the worker's own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from servehttp.aio import first_completed
from servehttp.errors import LinkError
from servehttp.logs import of_replica
from servehttp.plugins.backoff import Backoff, RestartPolicy
from servehttp.plugins.handle import Replica
from servehttp.plugins.link import Link
from servehttp.plugins.states import LEAVING, PluginState
from servehttp.plugins.supervision import Connect
from servehttp.plugins.supervisor import CLOSE_TIMEOUT
from servehttp.workers.messages import Report, Settled

log = structlog.get_logger("servehttp.workers")


@dataclass(frozen=True)
class MirrorPolicy:
    """How long each step may take, in seconds, and how patiently a lost connection is made again."""

    connect_timeout: float
    drain_timeout: float
    restart: RestartPolicy


class MirroredPlugin(Replica):
    """A plugin that the main process looks after, or one of its replicas.

    It runs here when it runs there and is connected to. One task connects, drains and hangs up as the latest report
    asks for; but requests see a change at once.

    Args:
        plugin_id: the plugin's id.
        connect: how a connection is made.
        policy: its times; its restart policy should have no limit.
        settled: told of each report that was acted on.
        number: which of the plugin's replicas it is; None for the only one.
        generation: how many versions of the plugin there were before.
    """

    def __init__(
        self,
        plugin_id: str,
        connect: Connect,
        policy: MirrorPolicy,
        settled: Callable[[Settled], None],
        number: int | None = None,
        generation: int = 0,
    ) -> None:
        self.id = plugin_id
        self.number = number
        self.generation = generation
        self._connect = connect
        self._policy = policy
        self._settled = settled
        self._backoff = Backoff(policy.restart)
        self._report: Report | None = None
        self._told_at = 0.0
        self._newer = asyncio.Event()
        self._acted = asyncio.Event()
        self._connection: Link | None = None
        self._unusable = False
        self._trouble: str | None = None
        self._following: asyncio.Task[None] | None = None

    def change(self, policy: MirrorPolicy) -> None:
        """Go by other times from now on; how it is connected to again stays as it was."""
        self._policy = policy

    def tell(self, report: Report) -> None:
        """The main process says what became of the plugin."""
        if report.target != self.target:
            self._unusable = True
            self._backoff.forget()
        self.target = report.target
        self.folder = None if report.folder is None else Path(report.folder)
        self.takes = report.takes
        self.restarts = report.about["restarts"]
        self.started_in = report.about["started_in"]
        self._report = report
        self._told_at = time.monotonic()
        self._trouble = None
        self._show()
        self._newer.set()

    def queue(self) -> None:
        """It has no turn to wait for."""

    async def start(self) -> None:
        """Begin to follow; returns when the first report was acted on."""
        self.follow()
        await self._acted.wait()

    def follow(self) -> None:
        """Begin to follow."""
        self._following = asyncio.create_task(self._follow(), name=f"follow {self.name}")

    async def stop(self) -> None:
        """Follow no more, and hang up."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        self.link = None
        self._note_change()
        await self._hang_up()

    def describe(self) -> dict[str, object]:
        """What the main process says, with what is so in this worker in its place."""
        about: dict[str, Any] = dict(self._report.about if self._report else {"id": self.id, **of_replica(self.number)})
        uptime, connection = about.get("uptime"), self._connection
        if uptime is not None:
            about["uptime"] = round(uptime + time.monotonic() - self._told_at, 3)
        return {
            **about,
            "state": self.state.value,
            "reason": self.reason,
            "transport": connection.transport if connection else None,
            "in_flight": connection.in_flight if connection else 0,
            "worker": os.getpid(),
        }

    def _show(self) -> None:
        """What requests see."""
        assert self._report is not None
        told = PluginState(self._report.about["state"])
        runs = told is PluginState.RUNNING
        self.link = self._connection if runs and not self._unusable else None
        if not runs or self.link is not None:
            self.state, self.reason = told, self._report.about["reason"]
        else:
            self.state = PluginState.RESTARTING if self._trouble else PluginState.STARTING
            self.reason = self._trouble
        self._note_change()

    async def _follow(self) -> None:
        while True:
            await self._newer.wait()
            self._newer.clear()
            assert self._report is not None
            await first_completed(self._act(self._report), self._newer.wait())

    async def _act(self, report: Report) -> None:
        if self._unusable:
            await self._hang_up()
        if self.target is not None and report.about["state"] == PluginState.RUNNING:
            await self._stay_connected(self.target, report)
        if self._connection is not None and report.about["state"] in LEAVING:
            await self._connection.drain(self._policy.drain_timeout)
        self._settle(report)

    async def _stay_connected(self, target: str, report: Report) -> None:
        while True:
            self._trouble = await self._connected_until_lost(target, report)
            self._unusable = True
            self._show()
            self._settle(report)  # nobody needs to wait for what may take long
            await self._hang_up()
            await asyncio.sleep(self._backoff.failed() or 0.0)
            # Only now, because mostly the main process has said meanwhile what this is about.
            label = of_replica(self.number)
            log.warning("connection to plugin is made again", plugin=self.id, reason=self._trouble, **label)

    async def _connected_until_lost(self, target: str, report: Report) -> str:
        try:
            if self._connection is None:
                self._connection = await self._connect(
                    target, timeout=self._policy.connect_timeout, session=report.about.get("pid")
                )
            self._show()
            self._settle(report)
            return await self._connection.wait_lost()
        except LinkError as error:
            return str(error)
        except Exception as error:  # a fault of ours must not leave the worker without the plugin
            log.exception("following a plugin failed", plugin=self.id, **of_replica(self.number))
            return f"fault in the gateway: {error!r}"

    def _settle(self, report: Report) -> None:
        self._settled(Settled(self.name, report.number))
        self._acted.set()

    async def _hang_up(self) -> None:
        if self._connection is not None:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await self._connection.close()
            except Exception:  # whatever fails here, the next connection must not suffer from it
                log.exception("connection could not be closed", plugin=self.id, **of_replica(self.number))
            self._connection = None
        self._unusable = False
