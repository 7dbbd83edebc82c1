"""A plugin that runs already, in a debugger, a test, another machine: connected to, and never started or killed."""

from __future__ import annotations

import asyncio

from servehttp.plugins.replica_hooks import HookHost
from servehttp.plugins.supervision import Connect, PluginObservers, SupervisionPolicy
from servehttp.plugins.supervisor import SupervisedPlugin


class AttachedRunner:
    """Something that is there, or is not, and that nobody here ends; a `Runner`."""

    pid = None

    def __init__(self, target: str) -> None:
        self._target = target

    async def ready(self, timeout: float) -> str:
        """The target, at once: whether it listens is seen when it is connected to."""
        return self._target

    async def wait(self) -> str:
        """Never returns, for only the connection tells that it is gone."""
        await asyncio.Event().wait()
        raise AssertionError("nobody sets this event")

    def retire(self) -> None:
        """It has no endpoint of the API."""

    async def stop(self, grace: float) -> None:
        """Leave it alone."""


def attach(
    plugin_id: str,
    target: str,
    connect: Connect,
    policy: SupervisionPolicy,
    observers: PluginObservers | None = None,
    host: HookHost | None = None,
    number: int | None = None,
    generation: int = 0,
) -> SupervisedPlugin:
    """A plugin at `unix:PATH` or `HOST:PORT`, activated at each connection, and connected to again for ever.

    Args:
        plugin_id: the id under which it is served.
        target: where it listens, as gRPC names it.
        connect: how a connection is made.
        policy: its times; its restart policy should have no limit.
        observers: who else connects to it.
        host: fires its hooks. It has no process of ours to be given an endpoint of the API.
        number: which of the plugin's replicas is there; None for the only one.
        generation: how many versions of the plugin there were before.
    """

    async def launch() -> AttachedRunner:
        return AttachedRunner(target)

    return SupervisedPlugin(plugin_id, launch, connect, policy, observers, host, number=number, generation=generation)
