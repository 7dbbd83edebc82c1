"""Who is in which team."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mattermost_plugin.models import TeamMember
from servehttp.workspace.errors import forbidden
from servehttp.workspace.rest.access import LOGGED_IN, oneself, team
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.json import from_json, value_of
from servehttp.workspace.rest.routes import RestRoute
from servehttp.workspace.rest.scheme_roles import scheme_roles


async def get_members(call: RestCall) -> Any:
    """A page of a team's members."""
    return await _seen(call, await call.workspace.team_members.of_team(call.path("team_id"), call.page, call.per_page))


async def get_member(call: RestCall) -> Any:
    """One member."""
    await call.require_seeing(call.path("user_id"))
    return await call.workspace.team_members.get(call.path("team_id"), call.path("user_id"))


async def get_by_ids(call: RestCall) -> Any:
    """Those of these users that are in a team."""
    user_ids = await call.typed(list[str], "user_ids")
    return await _seen(call, await call.workspace.team_members.by_ids(call.path("team_id"), user_ids))


async def of_user(call: RestCall) -> Any:
    """A user's memberships."""
    user_id = call.path("user_id")
    return [member for member in await call.workspace.team_members.of_user(user_id, 0, 200) if not member.delete_at]


async def add_member(call: RestCall) -> Any:
    """Take a user into a team, or join one that lets everybody in."""
    team_id, member = call.path("team_id"), await call.model(TeamMember)
    if member.user_id == call.user_id:
        await _check_may_join(call, team_id)
        return await call.workspace.team_members.add(team_id, member.user_id)
    await call.require_in_team(team_id, "add_user_to_team")
    return await call.workspace.team_members.add(team_id, member.user_id, call.user_id)


async def add_members(call: RestCall) -> Any:
    """Take users into a team: all or, with `graceful`, those that can be."""
    team_id = call.path("team_id")
    user_ids = [from_json(TeamMember, item, "members").user_id for item in await call.typed(list[Any], "members")]
    members = call.workspace.team_members
    add = members.add_gracefully if call.flag("graceful") else members.add_all
    return await add(team_id, user_ids, call.user_id)


async def join_by_invitation(call: RestCall) -> Any:
    """Join the team of an invitation, `invite_id` in the query."""
    if await call.is_guest():
        raise forbidden("api.team.add_user_to_team_from_invite.guest.app_error", "Invitations are not for guests.")
    team = await call.workspace.teams.get_by_invite_id(call.query("invite_id"))
    return await call.workspace.team_members.add(team.id, call.user_id)


async def remove_member(call: RestCall) -> Any:
    """Take a user out of a team, or leave one."""
    team_id, user_id = call.path("team_id"), call.path("user_id")
    await call.workspace.team_members.remove(team_id, user_id, "" if user_id == call.user_id else call.user_id)
    return OK


async def set_roles(call: RestCall) -> Any:
    """Replace a member's roles."""
    return await _set_roles(call, value_of(str, (await call.object()).get("roles"), "roles"))


async def set_scheme_roles(call: RestCall) -> Any:
    """Make a member a user, a guest or an administrator of a team."""
    return await _set_roles(call, scheme_roles(await call.object(), "team"))


async def _set_roles(call: RestCall, roles: str) -> Any:
    team_id = call.path("team_id")
    await call.workspace.team_members.set_roles(team_id, call.path("user_id"), roles)
    return OK


async def _seen(call: RestCall, members: Sequence[TeamMember]) -> list[TeamMember]:
    """Those whom who asks may know of."""
    seen = {*await call.workspace.visible_users.among(call.user_id, [member.user_id for member in members])}
    return [member for member in members if member.user_id in seen]


async def _check_may_join(call: RestCall, team_id: str) -> None:
    team = await call.workspace.teams.get(team_id)
    await call.require("join_public_teams" if team.allow_open_invite else "join_private_teams")


_JOIN_BY_INVITATION_BY = LOGGED_IN.besides("an invitation, which is not for guests")
_ADD_MEMBER_BY = LOGGED_IN.besides(
    "`add_user_to_team` in the team; to join, `join_public_teams` or `join_private_teams`"
)
_REMOVE_BY = team("remove_user_from_team", others_only=True)

ROUTES = [
    RestRoute("POST", "/teams/members/invite", join_by_invitation, _JOIN_BY_INVITATION_BY, status=201),
    RestRoute("GET", "/teams/{team_id}/members", get_members, team("view_team")),
    RestRoute("POST", "/teams/{team_id}/members", add_member, _ADD_MEMBER_BY, status=201),
    RestRoute("POST", "/teams/{team_id}/members/batch", add_members, team("add_user_to_team"), status=201),
    RestRoute("POST", "/teams/{team_id}/members/ids", get_by_ids, team("view_team")),
    RestRoute("GET", "/teams/{team_id}/members/{user_id}", get_member, team("view_team")),
    RestRoute("DELETE", "/teams/{team_id}/members/{user_id}", remove_member, _REMOVE_BY),
    RestRoute("PUT", "/teams/{team_id}/members/{user_id}/roles", set_roles, team("manage_team_roles")),
    RestRoute("PUT", "/teams/{team_id}/members/{user_id}/schemeRoles", set_scheme_roles, team("manage_team_roles")),
    RestRoute("GET", "/users/{user_id}/teams/members", of_user, oneself("read_other_users_teams")),
]
