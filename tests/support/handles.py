"""A plugin that does nothing: what shows plugins, or tells of them, is tested with it."""

from __future__ import annotations

from servehttp.logs import of_replica
from servehttp.plugins.handle import Replica
from servehttp.plugins.states import PluginState


class IdlePlugin(Replica):
    """A plugin, or one of its replicas, whose state the test sets."""

    def __init__(
        self,
        id: str,
        state: PluginState = PluginState.STOPPED,
        reason: str | None = None,
        *,
        restarts: int = 0,
        started_in: float | None = None,
        number: int | None = None,
    ) -> None:
        self.id = id
        self.state = state
        self.reason = reason
        self.restarts = restarts
        self.started_in = started_in
        self.number = number

    def become(self, state: PluginState, reason: str | None = None) -> None:
        """Be in another state, and tell of it."""
        self.state, self.reason = state, reason
        self._note_change()

    def queue(self) -> None:
        self.become(PluginState.STARTING)

    async def start(self) -> None:
        self.become(PluginState.RUNNING)

    async def stop(self) -> None:
        self.become(PluginState.STOPPED)

    def describe(self) -> dict[str, object]:
        return {"id": self.id, **of_replica(self.number), "state": self.state.value, "reason": self.reason}
