"""What runs a plugin, as the supervisor sees it: a process of ours, or one that runs already and is attached to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from servehttp.errors import GatewayError
from servehttp.plugins.traces import Cause


class RunnerError(GatewayError):
    """What runs a plugin could not be started, or never said where it listens.

    Attributes:
        permanent: the cause would fail the same way at every further attempt.
        timed_out: it took too long, and might have come with more time.
        cause: what its last words say of why, if they do.
    """

    def __init__(
        self, reason: str, *, permanent: bool = False, timed_out: bool = False, cause: Cause | None = None
    ) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.timed_out = timed_out
        self.cause = cause


class Runner(Protocol):
    """One run of one plugin, from its launch to its end."""

    @property
    def pid(self) -> int | None:
        """The process id, or None when the process is not ours."""
        ...

    async def ready(self, timeout: float) -> str:
        """Wait until the plugin listens.

        Returns:
            Where, as gRPC names it: `unix:/path` or `host:port`.

        Raises:
            RunnerError: it ended, said something else, or said nothing within `timeout` seconds.
        """
        ...

    async def wait(self) -> str:
        """Return at once when the run has ended, with the reason in one line. For what is not ours it never returns."""
        ...

    def retire(self) -> None:
        """Another version has taken the plugin's place: what this run undoes at its end is that one's, and stays."""
        ...

    async def stop(self, grace: float) -> None:
        """End the run and clean up after it: ask, and after `grace` seconds compel. Idempotent."""
        ...


Launch: TypeAlias = Callable[[], Awaitable[Runner]]
"""Starts one run; called anew for each restart. Raises `RunnerError`, or what finding the command raises."""
