"""A plugin that runs already, in a debugger, a test, on another machine: connected to, and never started or killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from servehttp.errors import ActivationError
from servehttp.plugins.attached_api import AttachedApi
from servehttp.plugins.replica_hooks import HookHost
from servehttp.plugins.states import LEAVING, PluginState
from servehttp.plugins.supervision import Connect, PluginObservers, SupervisionPolicy
from servehttp.plugins.supervisor import SupervisedPlugin

if TYPE_CHECKING:  # the connection's module loads its libraries
    from servehttp.plugins.link import Link


class AttachedRunner:
    """Something that is there, or is not, and that nobody here ends; a `Runner`.

    Args:
        target: where it listens.
        api: the API for it; None where there is none.
    """

    pid = None

    def __init__(self, target: str, api: AttachedApi | None = None) -> None:
        self.api = api
        self._target = target

    async def ready(self, timeout: float) -> str:
        """The target, at once: whether it listens is seen when it is connected to."""
        return self._target

    async def wait(self) -> str:
        """Never returns, for only the connection tells that it is gone."""
        await asyncio.Event().wait()
        raise AssertionError("nobody sets this event")

    def retire(self) -> None:
        """Another version has taken the plugin's place."""
        if self.api is not None:
            self.api.retire()

    async def stop(self, grace: float) -> None:
        """Leave it alone, and take no more of its calls."""
        if self.api is not None:
            await self.api.close()


class Attachment:
    """How one place is run and connected to: the connection that a run begins with brings the API.

    Args:
        target: where it listens.
        connect: how a connection is made.
        make_api: makes the API for one run; None where there is none.
    """

    def __init__(self, target: str, connect: Connect, make_api: Callable[[], AttachedApi] | None) -> None:
        self._target = target
        self._connect = connect
        self._make_api = make_api
        self._runner = AttachedRunner(target)

    async def launch(self) -> AttachedRunner:
        """Begin a run; see `Launch`."""
        self._runner = AttachedRunner(self._target, self._make_api() if self._make_api is not None else None)
        return self._runner

    async def connect(self, target: str, *, timeout: float, session: int | None) -> Link:
        """Make a connection; see `Connect`."""
        link = await self._connect(target, timeout=timeout, session=session)
        if self._runner.api is not None:
            try:
                await self._runner.api.offer(link, timeout)
            except BaseException:
                await link.close()
                raise
        return link


def attach(
    plugin_id: str,
    target: str,
    connect: Connect,
    policy: SupervisionPolicy,
    observers: PluginObservers | None = None,
    host: HookHost | None = None,
    number: int | None = None,
    generation: int = 0,
    make_api: Callable[[], AttachedApi] | None = None,
) -> SupervisedPlugin:
    """A plugin at `unix:PATH` or `HOST:PORT`, activated at each connection, and connected to again for ever.

    Args:
        plugin_id: the id under which it is served.
        target: where it listens, as gRPC names it.
        connect: how a connection is made.
        policy: its times; its restart policy should have no limit.
        observers: who else connects to it.
        host: fires its hooks.
        number: which of the plugin's replicas is there; None for the only one.
        generation: how many versions of the plugin there were before.
        make_api: makes the API for one run of it; None where there is none.
    """
    attachment = Attachment(target, connect, make_api)
    return SupervisedPlugin(
        plugin_id,
        attachment.launch,
        attachment.connect,
        policy,
        observers,
        host,
        number=number,
        generation=generation,
    )


class RemoteEndpoint(SupervisedPlugin):
    """One place where a plugin runs that other gateways may use as well: it is activated once for us, and outlives us.

    Args:
        plugin_id: the id under which it is served.
        place: where it listens, as it is shown.
        attachment: how it is run and connected to.
        policy: its times; its restart policy should have no limit.
        observers: who else connects to it.
        host: fires its hooks.
        number: of this endpoint among all that the plugin has had.
        gateway: names this run of the gateway.

    Attributes:
        place: as given.
    """

    def __init__(
        self,
        plugin_id: str,
        place: str,
        attachment: Attachment,
        policy: SupervisionPolicy,
        observers: PluginObservers | None,
        host: HookHost | None,
        number: int,
        gateway: str,
    ) -> None:
        super().__init__(plugin_id, attachment.launch, attachment.connect, policy, observers, host, number=number)
        self.place = place
        self._gateway = gateway

    @property
    def phase(self) -> str:
        """Where it is in its life, as operators call it: connecting, activating, running, draining or lost."""
        if self.state is PluginState.STARTING:
            return "connecting" if self._connection is None else "activating"
        if self.state is PluginState.RUNNING:
            takes = self.takes and self.link is not None and self.link.carrier.takes
            return "running" if takes else "draining"
        return "draining" if self.state in LEAVING else "lost"

    def describe(self) -> dict[str, object]:
        """All that an operator wants to know, as plain values."""
        return {**super().describe(), "endpoint": self.place, "phase": self.phase}

    async def depart(self) -> None:
        """Have it no more, once what is open there has ended or its connection is lost."""
        self._policy = replace(self._policy, drain_timeout=None)
        await self.stop()

    def forget(self) -> None:
        """Tell those who follow that it is there no more."""
        if self._observers is not None:
            self._observers.forget_replica(self)

    async def _activate(self, link: Link) -> None:
        self.takes = True  # who is there now may be a successor of one that took nothing
        try:
            await link.activate_once(self._gateway, self._policy.hook_timeout)
        except ActivationError as error:
            raise ActivationError(f"OnActivate failed: {error}") from error

    async def _deactivate(self, link: Link) -> None:
        """Nothing: it goes on for others, and deactivates itself when it ends."""

    def _take_new(self, takes: bool) -> bool:
        if takes is not self.takes:
            self.takes = takes
            self._log.info("endpoint takes new requests again" if takes else "endpoint takes no new requests")
            self._tell()
        return True
