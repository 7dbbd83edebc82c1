"""Who may see an event."""

from __future__ import annotations

from servehttp.host.errors import AppFailure
from servehttp.host.events import Event
from servehttp.host.workspace import Workspace


class Viewer:
    """One connection, as events see it.

    Args:
        workspace: knows who is in which team and channel.
        connection_id: the connection's.
        user_id: whose it is.
    """

    def __init__(self, workspace: Workspace, connection_id: str, user_id: str) -> None:
        self._ws = workspace
        self._connection_id = connection_id
        self._user_id = user_id

    def is_meant(self, event: Event) -> bool:
        """Whether an event may concern the connection, as far as can be said at once."""
        broadcast = event.broadcast
        is_named = broadcast.connection_id == self._connection_id
        if broadcast.connection_id and is_named == broadcast.omit_connection_id:
            return False
        if broadcast.user_id and broadcast.user_id != self._user_id:
            return False
        return self._user_id not in broadcast.omit_users

    async def may_see(self, event: Event) -> bool:
        """Whether the user is in the channel, or in the team, that the event is for."""
        broadcast = event.broadcast
        if broadcast.user_id:
            return True
        try:
            return await self._is_member(broadcast.channel_id, broadcast.team_id)
        except AppFailure:
            return False

    async def _is_member(self, channel_id: str, team_id: str) -> bool:
        if channel_id:
            await self._ws.channel_members.get(channel_id, self._user_id)
        elif team_id:
            return not (await self._ws.team_members.get(team_id, self._user_id)).delete_at
        return True
