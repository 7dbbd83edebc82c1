"""The states of one plugin and the moves between them, as one table that knows nothing about how a move comes about."""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Mapping
from types import MappingProxyType


class PluginState(enum.StrEnum):
    """Where a plugin is in its life."""

    STOPPED = "stopped"
    """Not started yet, or stopped in order."""
    QUEUED = "queued"
    """To be started, once fewer others are on their way up."""
    STARTING = "starting"
    """On its way up: the process, its handshake, the connection, its OnActivate."""
    RUNNING = "running"
    """Activated and connected: it takes requests."""
    RESTARTING = "restarting"
    """Lost; it is cleaned up, waits for its back-off and then starts again."""
    DRAINING = "draining"
    """On its way down, in order, to be started again: what is open goes on, and nothing begins."""
    FAILED = "failed"
    """Given up: it stays down until somebody acts."""
    STOPPING = "stopping"
    """On its way down, in order."""


MOVES: Mapping[PluginState, frozenset[PluginState]] = MappingProxyType(
    {
        PluginState.STOPPED: frozenset({PluginState.QUEUED, PluginState.STARTING}),
        PluginState.QUEUED: frozenset({PluginState.STARTING, PluginState.STOPPING}),
        PluginState.STARTING: frozenset(
            {
                PluginState.RUNNING,
                PluginState.RESTARTING,
                PluginState.FAILED,
                PluginState.DRAINING,
                PluginState.STOPPING,
            }
        ),
        PluginState.RUNNING: frozenset({PluginState.RESTARTING, PluginState.DRAINING, PluginState.STOPPING}),
        PluginState.RESTARTING: frozenset(
            {
                PluginState.STARTING,
                PluginState.RUNNING,
                PluginState.FAILED,
                PluginState.DRAINING,
                PluginState.STOPPING,
            }
        ),
        PluginState.DRAINING: frozenset({PluginState.QUEUED}),
        PluginState.FAILED: frozenset({PluginState.QUEUED, PluginState.STARTING, PluginState.STOPPING}),
        PluginState.STOPPING: frozenset({PluginState.STOPPED}),
    }
)
"""Every legal move. RESTARTING → RUNNING is a connection restored to a process that never went away."""

STARTABLE = frozenset({PluginState.STOPPED, PluginState.QUEUED, PluginState.FAILED})
"""Where a plugin waits for somebody to start it."""

LEAVING = frozenset({PluginState.DRAINING, PluginState.STOPPING})
"""Where what is open goes on and nothing begins."""

COMING_UP = frozenset({PluginState.QUEUED, PluginState.STARTING, PluginState.RESTARTING, PluginState.DRAINING})
"""Where a plugin is expected to take requests before long."""


class Lifecycle:
    """The current state of one plugin, why it is in it, and since when.

    Attributes:
        state: the current state.
        reason: why the plugin is not running, in one line; None while all is well.
        since: when the state was entered, by `time.monotonic()`.
    """

    def __init__(self) -> None:
        self.state = PluginState.STOPPED
        self.reason: str | None = None
        self.since = time.monotonic()
        self._changed = asyncio.Event()

    def move(self, to: PluginState, reason: str | None = None) -> None:
        """Enter another state.

        Raises:
            RuntimeError: the table of moves does not hold this one.
        """
        if to not in MOVES[self.state]:
            raise RuntimeError(f"a plugin that is {self.state} cannot become {to}")
        self.state = to
        self.reason = reason
        self.since = time.monotonic()
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for(self, *states: PluginState) -> None:
        """Return as soon as the plugin is in one of these states."""
        while self.state not in states:
            await self._changed.wait()
