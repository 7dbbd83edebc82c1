"""Channels without a team: of two users, and of a few."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mattermost_plugin.models import Channel, User, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.places.channel_rules import NAME_MAX, direct_name, group_name
from servehttp.workspace.errors import AppFailure, invalid

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.users import Users
    from servehttp.workspace.domains.places.channel_members import ChannelMembers
    from servehttp.workspace.domains.places.channels import Channels

GROUP_MIN = 3
GROUP_MAX = 8
"""Members of a group channel."""


class DirectChannels(Domain):
    """Direct and group channels. There is one for the same users, made when it is first asked for."""

    channel_members: ChannelMembers
    channels: Channels
    users: Users

    async def direct(self, user_id: str, other_id: str) -> Channel:
        """The channel of two users; both may be the same.

        Raises:
            AppFailure: 400, one of them does not exist.
        """
        async with self.db.transaction():
            users = await self._users({user_id, other_id}, _no_such_user())
            name = direct_name(user_id, other_id)
            present = await self._find(name)
            if present is not None:
                return present
            channel = await self._make(Channel(type="D", name=name, creator_id=user_id), users)
            data = {"creator_id": user_id, "teammate_id": other_id}
            self.publish("direct_added", data, WebsocketBroadcast(channel_id=channel.id))
        return channel

    async def group(self, user_ids: Sequence[str], creator_id: str = "") -> Channel:
        """The channel of three to eight users.

        Raises:
            AppFailure: 400, they are too few or too many, or one of them does not exist.
        """
        wanted = set(user_ids)
        if not GROUP_MIN <= len(wanted) <= GROUP_MAX:
            raise _refused("bad_size", f"A group channel has {GROUP_MIN} to {GROUP_MAX} members.")
        async with self.db.transaction():
            users = await self._users(wanted, _refused("bad_user", "One of the users does not exist."))
            name = group_name(wanted)
            present = await self._find(name)
            if present is not None:
                return present
            shown = ", ".join(user.username for user in users)[:NAME_MAX]
            made = Channel(type="G", name=name, display_name=shown, creator_id=creator_id)
            channel = await self._make(made, users)
            data = {"teammate_ids": json.dumps(sorted(wanted))}  # Mattermost has JSON in JSON here
            self.publish("group_added", data, WebsocketBroadcast(channel_id=channel.id))
        return channel

    async def _find(self, name: str) -> Channel | None:
        try:
            return await self.channels.get_by_name("", name, include_deleted=True)
        except AppFailure:
            return None

    async def _users(self, user_ids: set[str], missing: AppFailure) -> list[User]:
        """The users, in the order of their names."""
        users = await self.users.by_ids(list(user_ids))
        if len(users) != len(user_ids):
            raise missing
        return users

    async def _make(self, channel: Channel, users: Sequence[User]) -> Channel:
        made = await self.channels.insert(channel)
        for user in users:
            await self.channel_members.insert(made, user)
        return made


def _no_such_user() -> AppFailure:
    return invalid(
        "api.channel.create_direct_channel.invalid_user.app_error",
        "One of the users does not exist.",
        where="CreateDirectChannel",
    )


def _refused(reason: str, text: str) -> AppFailure:
    return invalid(f"api.channel.create_group.{reason}.app_error", text, where="CreateGroupChannel")
