"""A plugin as whoever routes to it, tells of it or shows it sees it, and the replicas that it consists of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from servehttp.plugins.states import PluginState

if TYPE_CHECKING:  # the connection's module loads gRPC
    from mattermost_plugin.exchange import Exchange
    from servehttp.plugins.link import Link

OFFERS = 2
"""How often a request is offered to one replica: what refuses it, untouched, may have a successor that takes it."""


KEPT_FAILURES = 10
"""Of one replica, the last ones."""


class PastFailure(NamedTuple):
    """What a run of a replica ended by, unasked.

    Attributes:
        time: when, in seconds since 1970.
        reason: why, with the end of what the process printed, where that says more.
    """

    time: float
    reason: str


class PluginHandle(Protocol):
    """One plugin, in one of its versions.

    Attributes:
        id: the plugin's id.
        generation: how many versions there were before, since the gateway's start.
        changed: called after each change of its state or its connections.
    """

    id: str
    generation: int
    changed: Callable[[], None] | None

    @property
    def folder(self) -> Path | None:
        """Its folder on this machine, if it has one: what is attached has none."""
        ...

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        ...

    @property
    def started_in(self) -> float | None:
        """Seconds that its last successful start took."""
        ...

    @property
    def link(self) -> Link | None:
        """The connection for what begins next, while it runs; else None. Of several it may be another each time."""
        ...

    @property
    def state(self) -> PluginState:
        """Where it is in its life."""
        ...

    @property
    def reason(self) -> str | None:
        """Why it does not run, or not all of it, in one line."""
        ...

    @property
    def replicas(self) -> Sequence[Replica]:
        """What it consists of; a plugin that runs once is its own replica."""
        ...

    def link_after(self, refused: Sequence[Exchange]) -> Link | None:
        """The connection for a request that was refused, untouched, on these; None if it is to be offered no more."""
        ...

    async def begin(self) -> None:
        """It is wanted from now on; its replicas are started by who wants it, but for those that it finds itself: with
        these it returns when they run, or could not be had at the first try."""
        ...

    async def restart(self, start: Callable[[Replica], Awaitable[None]]) -> None:
        """Start it anew, one replica after the other.

        Args:
            start: starts a replica that is queued, in its turn.

        Raises:
            PluginStartError: a replica did not come up again; those that had not had their turn were left alone.
        """
        ...

    async def stop(self) -> None:
        """Stop it in order."""
        ...

    def retire(self) -> None:
        """Another version has taken its place; to be told before it is stopped."""
        ...

    def describe(self) -> dict[str, object]:
        """All that an operator wants to know, as plain values."""
        ...


class Replica(ABC):
    """One of those that a plugin consists of, or all of it, and then a `PluginHandle`.

    Attributes:
        id: the plugin's id.
        number: which of the plugin's replicas it is, from 1; None for the only one.
        generation: how many versions of the plugin there were before, since the gateway's start.
        folder: the plugin's, on this machine; None of what is attached.
        link: the connection while it runs, else None.
        target: where it listens, as gRPC names it; None while nobody shall be connected to it.
        restarts: how often it was started again since `start`.
        started_in: seconds that its last successful start took.
        state: where it is in its life.
        since: when it came into that state, in seconds since 1970; None if it never was in another.
        reason: why it does not run, in one line.
        failures: what its last runs ended by, unasked, oldest first.
        changed: called after each change of its state or its connection.
        takes: whether it takes what is new while it runs.
        phase: where one on another machine is in its life, in a word: connecting, activating, running, draining or
            lost; None of others.
        on_trial: until it has run once it is given up at its first failure, of which whoever starts it is told.
    """

    id: str
    number: int | None = None
    generation: int = 0
    takes: bool = True
    on_trial: bool = False
    folder: Path | None = None
    link: Link | None = None
    target: str | None = None
    restarts: int = 0
    started_in: float | None = None
    state: PluginState = PluginState.STOPPED
    since: float | None = None
    reason: str | None = None
    failures: Sequence[PastFailure] = ()
    changed: Callable[[], None] | None = None

    @property
    def name(self) -> str:
        """What it is called among the replicas of all plugins."""
        number = "" if self.number is None else f"[{self.number}]"
        generation = f"+{self.generation}" if self.generation else ""
        return f"{self.id}{number}{generation}"

    @property
    def phase(self) -> str | None:
        return None

    @property
    def replicas(self) -> Sequence[Replica]:
        """Itself."""
        return (self,)

    def link_after(self, refused: Sequence[Exchange]) -> Link | None:
        """The connection again, for it may be that of a successor."""
        return self.link if len(refused) < OFFERS else None

    @abstractmethod
    def queue(self) -> None:
        """Say that it is to start once others have; it is stopped, or failed."""

    @abstractmethod
    async def start(self) -> None:
        """Return when it runs, or raise `PluginStartError`; either way it is looked after from then on."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop it in order."""

    def retire(self) -> None:  # noqa: B027  # most leave nothing behind
        """Another version has taken its plugin's place: what this one undoes at its end is that one's, and stays."""

    async def settled(self) -> None:  # noqa: B027  # for most there are none
        """Returns when other processes that serve the plugin, where there are any, know of its state and act on it."""

    async def begin(self) -> None:  # noqa: B027  # whoever wants it starts it
        """It is wanted from now on."""

    async def leave(self) -> None:
        """Stop it in order, and queue it: it is to start again."""
        await self.stop()
        self.queue()

    async def restart(self, start: Callable[[Replica], Awaitable[None]]) -> None:
        """Start it anew."""
        await self.leave()
        await start(self)

    @abstractmethod
    def describe(self) -> dict[str, object]:
        """All that an operator wants to know, as plain values."""

    def _note_change(self) -> None:
        """Tell whoever wants to know that its state or its connection has changed."""
        if self.changed is not None:
            self.changed()
