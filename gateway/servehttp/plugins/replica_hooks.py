"""The hooks of a plugin that runs several times, as its host calls them: as those of one plugin.

A hook goes to one replica, that with the least to do. What concerns each process, its configuration and events of the
plugin's own, goes to each of them; OnActivate and OnDeactivate are the supervisor's, which calls them in each anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from servehttp.errors import LinkError
from servehttp.plugins.balancer import Balancer, Endpoint

if TYPE_CHECKING:  # the connection's module loads gRPC
    from google.protobuf.message import Message

    from servehttp.plugins.link import Link

TO_EACH = frozenset({"OnConfigurationChange", "OnPluginClusterEvent"})


class HookHost(Protocol):
    """What fires hooks in plugins."""

    def connected(self, plugin_id: str, link: Link | ReplicaHooks) -> None:
        """A plugin is connected to, and is activated next: from now on hooks can reach it."""
        ...

    async def disconnected(self, plugin_id: str) -> None:
        """The connection is lost, or about to be closed. Called again without a connection, it changes nothing."""
        ...


class ReplicaHooks:
    """The replicas that are connected to, whether they are activated or not.

    Args:
        plugin_id: the plugin's id.
        host: what fires hooks; it has the plugin while a replica is connected to.
    """

    def __init__(self, plugin_id: str, host: HookHost) -> None:
        self._plugin_id = plugin_id
        self._host = host
        self._balancer = Balancer()
        self._connected: dict[int, Endpoint] = {}

    def of(self, number: int) -> HookHost:
        """What one replica tells of its connection."""
        return _Member(self, number)

    @property
    def implemented(self) -> frozenset[str]:
        """The hooks that the plugin has; none while no replica is connected to."""
        return next((endpoint.link.implemented for endpoint in self._endpoints() if endpoint.link), frozenset())

    async def call(self, name: str, request: Message, timeout: float) -> Message:
        """Call a hook by its name; returns the response, of several one that tells of an error, if there is one.

        Raises:
            LinkError: no answer.
        """
        if name in TO_EACH:
            return await _call_each(self._endpoints(), name, request, timeout)
        return await _call(self._next(), name, request, timeout)

    def but(self, number: int | None) -> OtherReplicas | None:
        """All but one of the replicas; None where there are no others."""
        others = [endpoint for other, endpoint in self._connected.items() if other != number]
        return OtherReplicas(others) if others else None

    def connected(self, number: int, link: Link) -> None:
        """A replica is connected to."""
        endpoint = Endpoint()
        endpoint.use(link)
        self._drop(number)
        self._connected[number] = endpoint
        self._balancer.add(endpoint)
        if len(self._connected) == 1:
            self._host.connected(self._plugin_id, self)

    async def disconnected(self, number: int) -> None:
        """Its connection is lost, or about to be closed."""
        if self._drop(number) and not self._connected:
            await self._host.disconnected(self._plugin_id)

    def _drop(self, number: int) -> bool:
        endpoint = self._connected.pop(number, None)
        if endpoint is not None:
            self._balancer.remove(endpoint)
        return endpoint is not None

    def _endpoints(self) -> Sequence[Endpoint]:
        return [self._connected[number] for number in sorted(self._connected)]

    def _next(self) -> Endpoint:
        """One that takes requests, or, where none does any more, one that is connected to still."""
        endpoint = self._balancer.choose() or next(iter(self._endpoints()), None)
        if endpoint is None:
            raise LinkError("no replica is connected to")
        return endpoint


class OtherReplicas:
    """Those that hear of what one of them has published."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = endpoints

    async def call(self, name: str, request: Message, timeout: float) -> Message:
        """Call a hook in each of them, as `ReplicaHooks.call` does."""
        return await _call_each(self._endpoints, name, request, timeout)


class _Member:
    """One replica's word to the hooks of all."""

    def __init__(self, hooks: ReplicaHooks, number: int) -> None:
        self._hooks = hooks
        self._number = number

    def connected(self, plugin_id: str, link: Link | ReplicaHooks) -> None:
        assert not isinstance(link, ReplicaHooks), "a replica has none of its own"
        self._hooks.connected(self._number, link)

    async def disconnected(self, plugin_id: str) -> None:
        await self._hooks.disconnected(self._number)


async def _call(endpoint: Endpoint, name: str, request: Message, timeout: float) -> Message:
    assert endpoint.link is not None, "it is used as long as it is connected to"
    endpoint.begin_call()
    try:
        return await endpoint.link.call(name, request, timeout)
    finally:
        endpoint.end_call()


async def _call_each(endpoints: Sequence[Endpoint], name: str, request: Message, timeout: float) -> Message:
    calls = (_call(endpoint, name, request, timeout) for endpoint in endpoints)
    answers: list[Message] = []
    for result in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        answers.append(result)
    if not answers:
        raise LinkError("no replica is connected to")
    return next((answer for answer in answers if _tells_of_error(answer)), answers[0])


def _tells_of_error(answer: Message) -> bool:
    return "error" in answer.DESCRIPTOR.fields_by_name and answer.HasField("error")
