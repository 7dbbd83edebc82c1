"""Who is in which channel, and what they have read there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mattermost_plugin.models import ChannelMember
from servehttp.workspace.rest.access import LOGGED_IN, account, changing, channel, reading, team
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.json import bad_value, to_json, value_of
from servehttp.workspace.rest.routes import RestRoute
from servehttp.workspace.rest.scheme_roles import scheme_roles
from servehttp.workspace.validation import ADDED_MAX, check_count

OWN = {"last_viewed_at": -1, "last_update_at": -1, "notify_props": {}}
"""What others see instead of what is a member's own business."""


def shown(call: RestCall, members: Iterable[ChannelMember]) -> list[dict[str, Any]]:
    """Members as who asks may see them."""
    return [to_json(member) | ({} if member.user_id == call.user_id else OWN) for member in members]


async def get_members(call: RestCall) -> Any:
    """A page of a channel's members."""
    channel = await call.channel()
    return shown(call, await call.workspace.channel_members.of_channel(channel.id, call.page, call.per_page))


async def get_by_ids(call: RestCall) -> Any:
    """Those of these users that are in a channel."""
    channel = await call.channel()
    user_ids = await call.typed(list[str], "user_ids")
    return shown(call, await call.workspace.channel_members.by_ids(channel.id, user_ids))


async def get_member(call: RestCall) -> Any:
    """One member."""
    channel = await call.channel()
    return shown(call, [await call.workspace.channel_members.get(channel.id, call.path("user_id"))])[0]


async def of_user_in_team(call: RestCall) -> Any:
    """A user's memberships in the channels of a team, and of none."""
    user_id, team_id = call.path("user_id"), call.path("team_id")
    return await call.workspace.channel_members.of_user_in_team(team_id, user_id)


async def add_members(call: RestCall) -> Any:
    """Take a user, or several, into a channel, or join a public one; answers with the last of them."""
    body = await call.object()
    user_ids = value_of(list[str], body.get("user_ids") or [body.get("user_id")], "user_id")
    check_count(user_ids, ADDED_MAX, "user_ids")
    channel = await call.channel()
    if user_ids == [call.user_id] and channel.type == "O":
        await call.require_in_team(channel.team_id, "join_public_channels")
        return await call.workspace.channel_members.add(channel.id, call.user_id)
    await changing("manage_{}_channel_members").check(call)
    await call.require_seeing(*user_ids)
    added = [await call.workspace.channel_members.add(channel.id, user_id, call.user_id) for user_id in user_ids]
    return shown(call, added)[-1]


async def remove_member(call: RestCall) -> Any:
    """Take a user out of a channel, or leave one."""
    channel, user_id = await call.channel(), call.path("user_id")
    await call.workspace.channel_members.remove(channel.id, user_id, "" if user_id == call.user_id else call.user_id)
    return OK


async def set_roles(call: RestCall) -> Any:
    """Replace a member's roles."""
    return await _set_roles(call, value_of(str, (await call.object()).get("roles"), "roles"))


async def set_scheme_roles(call: RestCall) -> Any:
    """Make a member a user, a guest or an administrator of a channel."""
    return await _set_roles(call, scheme_roles(await call.object(), "channel"))


async def set_notify_props(call: RestCall) -> Any:
    """Change what a member is notified of."""
    user_id = call.path("user_id")
    props = await call.typed(dict[str, str], "notify_props")
    await call.workspace.channel_members.set_notify_props(call.path("channel_id"), user_id, props)
    return OK


async def view(call: RestCall) -> Any:
    """A user looks at a channel, and has seen all of it, and of the one before."""
    user_id, body = call.path("user_id"), await call.object()
    names = ("channel_id", "prev_channel_id")
    channel_ids = [value_of(str, body.get(name) or "", name) for name in names]
    return OK | {"last_viewed_at_times": await call.workspace.unreads.view(user_id, list(filter(None, channel_ids)))}


async def mark_read(call: RestCall) -> Any:
    """A user has seen all of some channels."""
    user_id = call.path("user_id")
    channel_ids = await call.typed(list[str], "channel_ids")
    if not channel_ids:
        raise bad_value("channel_ids")
    return OK | {"last_viewed_at_times": await call.workspace.unreads.view(user_id, channel_ids)}


async def unread(call: RestCall) -> Any:
    """What a user has not read in a channel."""
    user_id = call.path("user_id")
    return await call.workspace.unreads.of_channel(call.path("channel_id"), user_id)


async def _set_roles(call: RestCall, roles: str) -> Any:
    channel_id = call.path("channel_id")
    await call.workspace.channel_members.set_roles(channel_id, call.path("user_id"), roles)
    return OK


_ADD_MEMBERS_BY = LOGGED_IN.besides(
    "`manage_*_channel_members` in the channel, by its type; `join_public_channels` in the team to join"
)
_REMOVE_BY = changing("manage_{}_channel_members", others_only=True)
_SET_SCHEME_ROLES_BY = channel("manage_channel_roles")
_OF_USER_IN_TEAM_BY = account() & team("view_team")

ROUTES = [
    RestRoute("POST", "/channels/members/{user_id}/view", view, account().besides("channels that one is in")),
    RestRoute("POST", "/channels/members/{user_id}/mark_read", mark_read, account().besides("channels that one is in")),
    RestRoute("GET", "/channels/{channel_id}/members", get_members, reading("read_channel")),
    RestRoute("POST", "/channels/{channel_id}/members", add_members, _ADD_MEMBERS_BY, status=201),
    RestRoute("POST", "/channels/{channel_id}/members/ids", get_by_ids, reading("read_channel")),
    RestRoute("GET", "/channels/{channel_id}/members/{user_id}", get_member, reading("read_channel")),
    RestRoute("DELETE", "/channels/{channel_id}/members/{user_id}", remove_member, _REMOVE_BY),
    RestRoute("PUT", "/channels/{channel_id}/members/{user_id}/roles", set_roles, channel("manage_channel_roles")),
    RestRoute("PUT", "/channels/{channel_id}/members/{user_id}/schemeRoles", set_scheme_roles, _SET_SCHEME_ROLES_BY),
    RestRoute("PUT", "/channels/{channel_id}/members/{user_id}/notify_props", set_notify_props, account()),
    RestRoute("GET", "/users/{user_id}/teams/{team_id}/channels/members", of_user_in_team, _OF_USER_IN_TEAM_BY),
    RestRoute("GET", "/users/{user_id}/channels/{channel_id}/unread", unread, account()),
]
