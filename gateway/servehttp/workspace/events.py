"""What happens, told to those who listen: the WebSocket clients of the workspace.

Whoever publishes never waits. A listener that does not keep up is cut off rather than given a stream with holes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mattermost_plugin.models import WebsocketBroadcast


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        name: as Mattermost names it: "posted", or "custom_PLUGIN_NAME" for a plugin's own.
        data: what happened.
        broadcast: who gets it; an empty one is for everybody.
    """

    name: str
    data: Mapping[str, Any] = field(default_factory=dict)
    broadcast: WebsocketBroadcast = field(default_factory=WebsocketBroadcast)


Wanted: TypeAlias = Callable[[Event], bool]


class Lagging(Exception):
    """A listener had too many events waiting, and has lost its place."""


class Subscription:
    """What one listener has yet to see; iterate over it.

    Raises, from the iteration:
        Lagging: too many waited.
    """

    def __init__(self, wanted: Wanted, limit: int) -> None:
        self._wanted = wanted
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue(limit)
        self._lagging = False

    def offer(self, event: Event) -> None:
        """Take an event if it is wanted and there is room; without room the subscription is over."""
        if self._lagging or not self._wanted(event):
            return
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self._lagging = True

    def cut(self) -> None:
        """End it, after what waits: what follows has a hole."""
        self._lagging = True
        if not self._waiting.full():
            self._waiting.put_nowait(None)  # for who waits for the next event

    @property
    def waiting(self) -> int:
        """How many events are yet to be seen."""
        return self._waiting.qsize()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        if self._lagging and self._waiting.empty():
            raise Lagging("too many events waited")
        event = await self._waiting.get()
        if event is None:
            raise Lagging("events were lost")
        return event


class Events:
    """Between those who publish and those who listen.

    Args:
        limit: how many events may wait for one listener.

    Attributes:
        relay: takes each event that happens here, for other gateways; None where there are none.
    """

    def __init__(self, limit: int) -> None:
        self.relay: Callable[[Event], None] | None = None
        self._limit = limit
        self._subscriptions: set[Subscription] = set()

    def publish(self, event: Event) -> None:
        """Tell everyone who wants to know, here and at other gateways. Returns at once."""
        self.deliver(event)
        if self.relay is not None:
            self.relay(event)

    def cut(self) -> None:
        """End every subscription: some events did not come."""
        for subscription in self._subscriptions:
            subscription.cut()

    def deliver(self, event: Event) -> None:
        """Tell everyone here who wants to know. Returns at once."""
        for subscription in self._subscriptions:
            subscription.offer(event)

    def subscribe(self, wanted: Wanted = lambda event: True) -> Subscription:
        """Listen from now on to the events that `wanted` is true of; it is asked when they are published."""
        subscription = Subscription(wanted, self._limit)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Listen no more."""
        self._subscriptions.discard(subscription)
