"""A plugin that does nothing: what shows plugins, or tells of them, is tested with it."""

from __future__ import annotations

from dataclasses import dataclass

from servehttp.plugins.link import Link
from servehttp.plugins.states import PluginState


@dataclass
class IdlePlugin:
    """A `PluginHandle` whose state the test sets."""

    id: str
    state: PluginState = PluginState.STOPPED
    reason: str | None = None
    target: str | None = None
    restarts: int = 0
    link: Link | None = None
    started_in: float | None = None

    def queue(self) -> None:
        self.state = PluginState.STARTING

    async def start(self) -> None:
        self.state = PluginState.RUNNING

    async def stop(self) -> None:
        self.state = PluginState.STOPPED

    def describe(self) -> dict[str, object]:
        return {"id": self.id, "state": self.state.value, "reason": self.reason}
