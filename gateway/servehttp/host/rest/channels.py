"""Channels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mattermost_plugin.models import Channel
from servehttp.host.errors import invalid
from servehttp.host.rest.call import OK, PER_PAGE_MAX, Call
from servehttp.host.rest.json import bad_value, value_of, values_of
from servehttp.host.rest.routes import Route
from servehttp.host.workspace.channels import TOWN_SQUARE

PATCHABLE = ("name", "display_name", "header", "purpose", "group_constrained")
NEW = ("team_id", "name", "display_name", "type", "header", "purpose", "props", "default_category_name")
KIND = {"O": "public", "P": "private"}
"""How permissions call the types that have a team."""


async def require_reading(call: Call, channel: Channel, permission: str = "read_channel") -> Channel:
    """Go on only if who asks may look into a channel: is in it, or it is public and in one of their teams.

    Raises:
        AppFailure: 403.
    """
    permissions = call.ws.permissions
    public = channel.type == "O" and await permissions.has_in_team(call.user_id, channel.team_id, "read_public_channel")
    if not public:
        await call.require_in_channel(channel.id, permission)
    return channel


async def require_changing(call: Call, channel: Channel, permission: str) -> None:
    """Go on only with a permission, named with {} for the kind of channel; one without a team its members may change.

    Raises:
        AppFailure: 403.
    """
    kind = KIND.get(channel.type)
    await call.require_in_channel(channel.id, permission.format(kind) if kind else "read_channel")


async def of_path(call: Call) -> Channel:
    """The channel that the address names, if who asks may look into it."""
    return await require_reading(call, await call.ws.channels.get(call.path("channel_id")))


async def create_channel(call: Call) -> Any:
    """Create a channel in a team, and join it."""
    channel = Channel(**values_of(Channel, await call.object(), NEW))
    kind = "private" if channel.type == "P" else "public"
    await call.require_in_team(channel.team_id, f"create_{kind}_channel")
    type = channel.type if channel.type in KIND else "O"
    return await call.ws.channels.create(replace(channel, type=type, creator_id=call.user_id), join=True)


async def create_direct(call: Call) -> Any:
    """The channel of two users, of whom who asks is one."""
    await call.require("create_direct_channel")
    user_ids = await call.typed(list[str], "user_ids")
    if call.user_id not in user_ids:
        await call.require("manage_system")
    first, *others = user_ids or [call.user_id]
    return await call.ws.direct_channels.direct(first, others[0] if others else first)


async def create_group(call: Call) -> Any:
    """The channel of a few users and who asks."""
    await call.require("create_group_channel")
    user_ids = {*await call.typed(list[str], "user_ids"), call.user_id}
    return await call.ws.direct_channels.group(sorted(user_ids), call.user_id)


async def get_channel(call: Call) -> Any:
    """One channel."""
    return await of_path(call)


async def get_by_name(call: Call) -> Any:
    """The channel of a name in a team."""
    deleted = call.flag("include_deleted")
    found = await call.ws.channels.get_by_name(call.path("team_id"), call.path("channel_name"), include_deleted=deleted)
    return await require_reading(call, found)


async def get_by_team_name(call: Call) -> Any:
    """The channel of a name in the team of a name."""
    deleted = call.flag("include_deleted")
    found = await call.ws.channels.get_by_team_name(
        call.path("team_name"), call.path("channel_name"), include_deleted=deleted
    )
    return await require_reading(call, found)


async def get_public(call: Call) -> Any:
    """A page of a team's public channels."""
    team_id = call.path("team_id")
    await call.require_in_team(team_id, "list_team_channels")
    return await call.ws.channels.public(team_id, call.page, call.per_page)


async def get_public_by_ids(call: Call) -> Any:
    """Those of these channels that are public ones of a team."""
    team_id = call.path("team_id")
    await call.require_in_team(team_id, "view_team")
    wanted = await call.typed(list[str], "channel_ids")
    if not 0 < len(wanted) <= PER_PAGE_MAX:
        raise bad_value("channel_ids")
    return await call.ws.channels.public_by_ids(team_id, wanted)


async def search(call: Call) -> Any:
    """The public channels of a team with a term in their name."""
    team_id = call.path("team_id")
    await call.require_in_team(team_id, "list_team_channels")
    return await call.ws.channels.search(team_id, value_of(str, (await call.object()).get("term") or "", "term"))


async def autocomplete(call: Call) -> Any:
    """Public channels of a team to choose from while a name is typed."""
    team_id = call.path("team_id")
    await call.require_in_team(team_id, "list_team_channels")
    return await call.ws.channels.search(team_id, call.query("name"))


async def of_user_in_team(call: Call) -> Any:
    """The channels that a user is in, of a team and of none."""
    user_id, team_id = call.path("user_id"), call.path("team_id")
    await call.require_self(user_id)
    await call.require_in_team(team_id, "view_team")
    return await call.ws.channels.of_user(team_id, user_id, include_deleted=call.flag("include_deleted"))


async def update_channel(call: Call) -> Any:
    """Change what a channel says of itself."""
    channel = await call.ws.channels.get(call.path("channel_id"))
    await require_changing(call, channel, "manage_{}_channel_properties")
    return await call.ws.channels.update(replace(channel, **values_of(Channel, await call.object(), PATCHABLE)))


async def update_privacy(call: Call) -> Any:
    """Make a channel public, `O`, or private, `P`; but not the one that everybody is in."""
    channel = await call.ws.channels.get(call.path("channel_id"))
    privacy = value_of(str, (await call.object()).get("privacy"), "privacy")
    if privacy not in KIND or channel.type not in KIND:
        raise bad_value("privacy")
    if channel.name == TOWN_SQUARE:
        raise invalid("api.channel.update_channel_privacy.default_channel_error", "This channel stays public.")
    others = {"O": "convert_private_channel_to_public", "P": "convert_public_channel_to_private"}
    await call.require_in_channel(channel.id, others[privacy])
    return await call.ws.channels.update(replace(channel, type=privacy))


async def delete_channel(call: Call) -> Any:
    """Archive a channel."""
    channel = await call.ws.channels.get(call.path("channel_id"))
    await require_changing(call, channel, "delete_{}_channel")
    await call.ws.channels.delete(channel.id)
    return OK


async def restore_channel(call: Call) -> Any:
    """Take a channel out of the archive."""
    channel = await call.ws.channels.get(call.path("channel_id"))
    await call.require_in_team(channel.team_id, "manage_team")
    return await call.ws.channels.restore(channel.id)


async def stats(call: Call) -> Any:
    """How many members, pinned posts and files a channel has."""
    return await call.ws.unreads.stats((await of_path(call)).id)


ROUTES = [
    Route("POST", "/channels", create_channel, status=201),
    Route("POST", "/channels/direct", create_direct, status=201),
    Route("POST", "/channels/group", create_group, status=201),
    Route("GET", "/channels/{channel_id}", get_channel),
    Route("PUT", "/channels/{channel_id}", update_channel),
    Route("DELETE", "/channels/{channel_id}", delete_channel),
    Route("PUT", "/channels/{channel_id}/patch", update_channel),
    Route("PUT", "/channels/{channel_id}/privacy", update_privacy),
    Route("POST", "/channels/{channel_id}/restore", restore_channel),
    Route("GET", "/channels/{channel_id}/stats", stats),
    Route("GET", "/teams/{team_id}/channels", get_public),
    Route("POST", "/teams/{team_id}/channels/ids", get_public_by_ids),
    Route("POST", "/teams/{team_id}/channels/search", search),
    Route("GET", "/teams/{team_id}/channels/autocomplete", autocomplete),
    Route("GET", "/teams/{team_id}/channels/name/{channel_name}", get_by_name),
    Route("GET", "/teams/name/{team_name}/channels/name/{channel_name}", get_by_team_name),
    Route("GET", "/users/{user_id}/teams/{team_id}/channels", of_user_in_team),
]
