"""What the supervision of a plugin goes by, how it connects, and who else is told of it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from servehttp.plugins.backoff import RestartPolicy
from servehttp.plugins.handle import Replica

if TYPE_CHECKING:  # the connection's module loads gRPC
    from servehttp.plugins.link import Link


class Connect(Protocol):
    """How a connection is made: `Link.connect` with its transport chosen."""

    def __call__(self, target: str, *, timeout: float, session: int | None) -> Awaitable[Link]:
        """Connect within `timeout` seconds to what a process of the session listens at, or raise `LinkError`."""
        ...


class PluginObservers(Protocol):
    """Other processes that connect to the plugins as well, and are told what becomes of each replica."""

    def notify(self, replica: Replica) -> None:
        """Another state, or another target: connect while it runs, drain while it leaves, hang up without a target."""
        ...

    async def settled(self, name: str) -> None:
        """Returns when all of them have done what they were last told about the replica of this name."""
        ...

    def forget_replica(self, replica: Replica) -> None:
        """It is there no more; it was stopped before."""
        ...


@dataclass(frozen=True)
class SupervisionPolicy:
    """How long each step may take, in seconds, and when to give up."""

    start_timeout: float
    """From the launch to the handshake, at the first start of one that starts alone."""
    connect_timeout: float
    hook_timeout: float
    """For OnActivate."""
    deactivate_timeout: float
    """For OnDeactivate."""
    health_interval: float
    health_timeout: float
    health_failures: int
    """Failed health checks in a row that end a run."""
    drain_timeout: float | None
    """For open requests at an orderly stop; None for as long as they last."""
    stop_timeout: float
    """From SIGTERM to SIGKILL at an orderly stop."""
    restart: RestartPolicy
