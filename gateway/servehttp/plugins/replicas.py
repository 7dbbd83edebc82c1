"""Several replicas as one plugin: which of them is next, how the whole is, and how all are started anew in turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from servehttp.plugins.balancer import Balancer, Endpoint
from servehttp.plugins.handle import Replica
from servehttp.plugins.states import COMING_UP, PluginState

if TYPE_CHECKING:  # the connection's module loads gRPC
    from mattermost_plugin.exchange import Exchange
    from servehttp.plugins.link import Link

ANOTHER_SERVES = 30.0
"""Seconds that a replica which is to be started anew waits for another one that is on its way up."""

PRECEDENCE = (
    PluginState.RUNNING,
    PluginState.STARTING,
    PluginState.RESTARTING,
    PluginState.DRAINING,
    PluginState.QUEUED,
    PluginState.STOPPING,
    PluginState.FAILED,
    PluginState.STOPPED,
)
"""The whole is what the first of these is that any replica is: it runs if one runs, and comes up if one does."""


class ReplicatedPlugin:
    """A plugin that runs several times; a `PluginHandle`.

    Args:
        plugin_id: its id.
        replicas: each with a number of its own.
        generation: how many versions of the plugin there were before.

    Attributes:
        state: that of its replicas, by `PRECEDENCE`.
        reason: which of them do not run, unless all do, or all rest.
        changed: called after each change of its state or its connections.
    """

    def __init__(self, plugin_id: str, replicas: Iterable[Replica] = (), generation: int = 0) -> None:
        self.id = plugin_id
        self.generation = generation
        self.changed: Callable[[], None] | None = None
        self.state = PluginState.STOPPED
        self.reason: str | None = None
        self._balancer = Balancer()
        self._endpoints: dict[Replica, Endpoint] = {}
        self._changed = asyncio.Event()
        for replica in replicas:
            self.add(replica)

    def add(self, replica: Replica) -> None:
        """Have one more."""
        endpoint = self._endpoints[replica] = Endpoint()
        self._balancer.add(endpoint)
        replica.changed = partial(self._take, replica, endpoint)
        replica.changed()

    def remove(self, replica: Replica) -> None:
        """Have one less; it is to be stopped by who removes it."""
        self._balancer.remove(self._endpoints.pop(replica))
        replica.changed = None
        self._look()

    @property
    def replicas(self) -> Sequence[Replica]:
        """All of them, by number."""
        return sorted(self._endpoints, key=lambda replica: replica.number or 0)

    @property
    def folder(self) -> Path | None:
        """The same for all of them."""
        return next((replica.folder for replica in self._endpoints), None)

    @property
    def link(self) -> Link | None:
        """The connection of the replica that has the fewest open; None while none takes more."""
        endpoint = self._balancer.choose()
        return None if endpoint is None else endpoint.link

    def link_after(self, refused: Sequence[Exchange]) -> Link | None:
        """That of the next one, of those that have not refused the request."""
        endpoint = self._balancer.choose(refused)
        return None if endpoint is None else endpoint.link

    @property
    def restarts(self) -> int:
        """Those of all of them."""
        return sum(replica.restarts for replica in self._endpoints)

    @property
    def started_in(self) -> float | None:
        """What the slowest one took."""
        return max((replica.started_in for replica in self._endpoints if replica.started_in is not None), default=None)

    async def restart(self, start: Callable[[Replica], Awaitable[None]]) -> None:
        """Start each anew, the next one when the one before runs again.

        One that runs is stopped only when another runs, or no other is on its way up. One that was stopped meanwhile is
        not wanted any more, and stays so.
        """
        for replica in self.replicas:
            await self._another_serves(replica)
            if replica.state is PluginState.STOPPED:
                continue
            await replica.leave()
            await start(replica)

    async def begin(self) -> None:
        """Its replicas are started one by one."""

    async def stop(self) -> None:
        """Stop all of them at once."""
        results = await asyncio.gather(*(replica.stop() for replica in self._endpoints), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def retire(self) -> None:
        """Another version has taken its place."""
        for replica in self._endpoints:
            replica.retire()

    def describe(self) -> dict[str, object]:
        """All that an operator wants to know, with each replica's part."""
        parts: list[dict[str, Any]] = [replica.describe() for replica in self.replicas]
        uptimes = [part["uptime"] for part in parts if part.get("uptime") is not None]
        return {
            "id": self.id,
            "state": self.state.value,
            "reason": self.reason,
            "restarts": self.restarts,
            "in_flight": sum(part.get("in_flight", 0) for part in parts),
            "started_in": self.started_in,
            "uptime": max(uptimes, default=None),
            "replicas": [{name: value for name, value in part.items() if name != "id"} for part in parts],
        }

    async def _another_serves(self, replica: Replica) -> None:
        """Returns when another one runs, and is known to do so by all that serve it, or none will soon."""
        others = [other for other in self._endpoints if other is not replica]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANOTHER_SERVES):
                while not any(other.state is PluginState.RUNNING for other in others):
                    if not any(other.state in COMING_UP for other in others):
                        return
                    await self._changed.wait()
                await asyncio.gather(*(other.settled() for other in others if other.state is PluginState.RUNNING))

    def _take(self, replica: Replica, endpoint: Endpoint) -> None:
        """A replica is in another state, or has another connection."""
        endpoint.use(replica.link if replica.state is PluginState.RUNNING and replica.takes else None)
        self._look()

    def _look(self) -> None:
        self.state, self.reason = self._whole()
        self._changed.set()
        self._changed = asyncio.Event()
        if self.changed is not None:
            self.changed()

    def _whole(self) -> tuple[PluginState, str | None]:
        """Its state, and why it is in it."""
        states = {replica.state for replica in self._endpoints}
        return next((state for state in PRECEDENCE if state in states), PluginState.STOPPED), self._why()

    def _why(self) -> str | None:
        running = [replica for replica in self._endpoints if replica.state is PluginState.RUNNING]
        if len(running) == len(self._endpoints):
            return None
        if not running and not any(replica.reason for replica in self._endpoints):
            return None
        others = [f"; {_how(replica)}" for replica in self.replicas if replica.state is not PluginState.RUNNING]
        return f"{len(running)} of {len(self._endpoints)} replicas run{''.join(others)}"


def _how(replica: Replica) -> str:
    why = f": {replica.reason}" if replica.reason else ""
    return f"[{replica.number}] is {replica.state.value}{why}"
