"""Who may see an event."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection

from mattermost_plugin.models import WebsocketBroadcast
from servehttp.workspace.events import Event
from servehttp.workspace.workspace import Workspace

CACHED_MAX = 256
"""Events of which it is kept who may see them; connections look at one at nearly the same time."""


class Audiences:
    """Who of the connected users is in the channel or team that an event is for: one look for all connections.

    Args:
        workspace: knows who is where.
        connected: gives the ids of the users who are connected.
    """

    def __init__(self, workspace: Workspace, connected: Callable[[], Collection[str]]) -> None:
        self._workspace = workspace
        self._connected = connected
        self._cached: OrderedDict[int, tuple[Event, frozenset[str]]] = OrderedDict()
        self._lock = asyncio.Lock()

    async def has(self, user_id: str, event: Event) -> bool:
        """Whether a user may see an event."""
        broadcast = event.broadcast
        if broadcast.user_id or not (broadcast.channel_id or broadcast.team_id):
            return True
        async with self._lock:
            if id(event) not in self._cached:
                self._keep(event, await self._members(broadcast))
            return user_id in self._cached[id(event)][1]

    async def _members(self, broadcast: WebsocketBroadcast) -> frozenset[str]:
        connected = list(self._connected())
        if broadcast.channel_id:
            there = await self._workspace.channel_members.by_ids(broadcast.channel_id, connected)
            return frozenset(member.user_id for member in there)
        in_team = await self._workspace.team_members.by_ids(broadcast.team_id, connected)
        return frozenset(member.user_id for member in in_team)

    def _keep(self, event: Event, members: frozenset[str]) -> None:
        # With the event itself: as long as it is kept, no other one has its id.
        self._cached[id(event)] = event, members
        if len(self._cached) > CACHED_MAX:
            self._cached.popitem(last=False)


def is_meant(event: Event, connection_id: str, user_id: str) -> bool:
    """Whether an event may concern a connection of a user, as far as can be said at once."""
    broadcast = event.broadcast
    is_named = broadcast.connection_id == connection_id
    if broadcast.connection_id and is_named == broadcast.omit_connection_id:
        return False
    if broadcast.user_id and broadcast.user_id != user_id:
        return False
    return user_id not in broadcast.omit_users
