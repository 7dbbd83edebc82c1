"""Channels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mattermost_plugin.models import Channel
from servehttp.workspace.domains.places.channels import TOWN_SQUARE
from servehttp.workspace.errors import invalid
from servehttp.workspace.rest.access import KIND, LOGGED_IN, account, changing, reading, require_reading, system, team
from servehttp.workspace.rest.call import OK, PER_PAGE_MAX, RestCall
from servehttp.workspace.rest.json import bad_value, value_of, values_of
from servehttp.workspace.rest.routes import RestRoute

PATCHABLE = ("name", "display_name", "header", "purpose", "group_constrained")
NEW = ("team_id", "name", "display_name", "type", "header", "purpose", "props", "default_category_name")
NAMED = LOGGED_IN.besides("`read_channel` in the channel, or a public one of one's team")


async def create_channel(call: RestCall) -> Any:
    """Create a channel in a team, and join it."""
    channel = Channel(**values_of(Channel, await call.object(), NEW))
    kind = "private" if channel.type == "P" else "public"
    await call.require_in_team(channel.team_id, f"create_{kind}_channel")
    type = channel.type if channel.type in KIND else "O"
    return await call.workspace.channels.create(replace(channel, type=type, creator_id=call.user_id), join=True)


async def create_direct(call: RestCall) -> Any:
    """The channel of two users, of whom who asks is one."""
    user_ids = await call.typed(list[str], "user_ids")
    if len(user_ids) != 2:
        raise bad_value("user_ids")
    if call.user_id not in user_ids:
        await call.require("manage_system")
    await call.require_seeing(*user_ids)
    return await call.workspace.direct_channels.direct(*sorted(user_ids, key=lambda user_id: user_id != call.user_id))


async def create_group(call: RestCall) -> Any:
    """The channel of a few users and who asks."""
    user_ids = {*await call.typed(list[str], "user_ids"), call.user_id}
    await call.require_seeing(*user_ids)
    return await call.workspace.direct_channels.group(sorted(user_ids), call.user_id)


async def get_channel(call: RestCall) -> Any:
    """One channel."""
    return await call.channel()


async def get_by_name(call: RestCall) -> Any:
    """The channel of a name in a team."""
    deleted = call.flag("include_deleted")
    team_id, name = call.path("team_id"), call.path("channel_name")
    found = await call.workspace.channels.get_by_name(team_id, name, include_deleted=deleted)
    return await require_reading(call, found)


async def get_by_team_name(call: RestCall) -> Any:
    """The channel of a name in the team of a name."""
    deleted = call.flag("include_deleted")
    team_name, name = call.path("team_name"), call.path("channel_name")
    found = await call.workspace.channels.get_by_team_name(team_name, name, include_deleted=deleted)
    return await require_reading(call, found)


async def get_public(call: RestCall) -> Any:
    """A page of a team's public channels."""
    team_id = call.path("team_id")
    return await call.workspace.channels.public(team_id, call.page, call.per_page)


async def get_public_by_ids(call: RestCall) -> Any:
    """Those of these channels that are public ones of a team."""
    team_id = call.path("team_id")
    wanted = await call.typed(list[str], "channel_ids")
    if not 0 < len(wanted) <= PER_PAGE_MAX:
        raise bad_value("channel_ids")
    return await call.workspace.channels.public_by_ids(team_id, wanted)


async def search(call: RestCall) -> Any:
    """The public channels of a team with a term in their name."""
    team_id = call.path("team_id")
    return await call.workspace.channels.search(team_id, value_of(str, (await call.object()).get("term") or "", "term"))


async def autocomplete(call: RestCall) -> Any:
    """Public channels of a team to choose from while a name is typed."""
    team_id = call.path("team_id")
    return await call.workspace.channels.search(team_id, call.query("name"))


async def of_user_in_team(call: RestCall) -> Any:
    """The channels that a user is in, of a team and of none."""
    user_id, team_id = call.path("user_id"), call.path("team_id")
    return await call.workspace.channels.of_user(team_id, user_id, include_deleted=call.flag("include_deleted"))


async def update_channel(call: RestCall) -> Any:
    """Change what a channel says of itself; of one without a team the header alone."""
    channel = await call.channel()
    new = replace(channel, **values_of(Channel, await call.object(), PATCHABLE))
    if channel.type not in KIND and new != replace(channel, header=new.header):
        id = "api.channel.update_channel.update_direct_or_group_messages_not_allowed.app_error"
        raise invalid(id, "Of a channel without a team only the header changes.")
    return await call.workspace.channels.update(new)


async def update_privacy(call: RestCall) -> Any:
    """Make a channel public, `O`, or private, `P`; but not the one that everybody is in."""
    channel = await call.channel()
    privacy = value_of(str, (await call.object()).get("privacy"), "privacy")
    if privacy not in KIND or channel.type not in KIND:
        raise bad_value("privacy")
    if channel.name == TOWN_SQUARE:
        raise invalid("api.channel.update_channel_privacy.default_channel_error", "This channel stays public.")
    others = {"O": "convert_private_channel_to_public", "P": "convert_public_channel_to_private"}
    await call.require_in_channel(channel.id, others[privacy])
    return await call.workspace.channels.update(replace(channel, type=privacy))


async def delete_channel(call: RestCall) -> Any:
    """Archive a channel of a team."""
    channel = await call.channel()
    if channel.type not in KIND:
        raise invalid("api.channel.delete_channel.type.invalid", "A channel without a team stays.")
    await call.workspace.channels.delete(channel.id)
    return OK


async def restore_channel(call: RestCall) -> Any:
    """Take a channel out of the archive."""
    channel = await call.channel()
    await call.require_in_team(channel.team_id, "manage_team")
    return await call.workspace.channels.restore(channel.id)


async def stats(call: RestCall) -> Any:
    """How many members, pinned posts and files a channel has."""
    return await call.workspace.unreads.stats(call.path("channel_id"))


_CREATE_CHANNEL_BY = LOGGED_IN.besides("`create_public_channel` or `create_private_channel` in the team of the body")
_CREATE_DIRECT_BY = system("create_direct_channel").besides("`manage_system` for two others; users whom one may see")
_CREATE_GROUP_BY = system("create_group_channel").besides("users whom one may see")
_UPDATE_PRIVACY_BY = LOGGED_IN.besides("`convert_*_channel_to_*` in the channel")
_RESTORE_CHANNEL_BY = LOGGED_IN.besides("`manage_team` in the channel's team")

ROUTES = [
    RestRoute("POST", "/channels", create_channel, _CREATE_CHANNEL_BY, status=201),
    RestRoute("POST", "/channels/direct", create_direct, _CREATE_DIRECT_BY, status=201),
    RestRoute("POST", "/channels/group", create_group, _CREATE_GROUP_BY, status=201),
    RestRoute("GET", "/channels/{channel_id}", get_channel, reading("read_channel")),
    RestRoute("PUT", "/channels/{channel_id}", update_channel, changing("manage_{}_channel_properties")),
    RestRoute("DELETE", "/channels/{channel_id}", delete_channel, changing("delete_{}_channel")),
    RestRoute("PUT", "/channels/{channel_id}/patch", update_channel, changing("manage_{}_channel_properties")),
    RestRoute("PUT", "/channels/{channel_id}/privacy", update_privacy, _UPDATE_PRIVACY_BY),
    RestRoute("POST", "/channels/{channel_id}/restore", restore_channel, _RESTORE_CHANNEL_BY),
    RestRoute("GET", "/channels/{channel_id}/stats", stats, reading("read_channel")),
    RestRoute("GET", "/teams/{team_id}/channels", get_public, team("list_team_channels")),
    RestRoute("POST", "/teams/{team_id}/channels/ids", get_public_by_ids, team("view_team")),
    RestRoute("POST", "/teams/{team_id}/channels/search", search, team("list_team_channels")),
    RestRoute("GET", "/teams/{team_id}/channels/autocomplete", autocomplete, team("list_team_channels")),
    RestRoute("GET", "/teams/{team_id}/channels/name/{channel_name}", get_by_name, NAMED),
    RestRoute("GET", "/teams/name/{team_name}/channels/name/{channel_name}", get_by_team_name, NAMED),
    RestRoute("GET", "/users/{user_id}/teams/{team_id}/channels", of_user_in_team, account() & team("view_team")),
]
