"""Teams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mattermost_plugin.models import Team
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.rest.access import LOGGED_IN, PUBLIC, oneself, system, team
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.forms import file_of
from servehttp.workspace.rest.images import image_response
from servehttp.workspace.rest.json import to_json, value_of, values_of
from servehttp.workspace.rest.routes import RestRoute

SEEN = LOGGED_IN.besides("`view_team` in it, or `list_public_teams` everywhere where it is open")
LISTED = LOGGED_IN.besides("one's own; `list_public_teams` and `list_private_teams` everywhere for others")
PATCHABLE = (
    "display_name", "description", "company_name", "allowed_domains", "allow_open_invite", "group_constrained",
)  # fmt: skip
ONLY_FOR = {"email": "manage_team", "invite_id": "invite_user"}
"""Fields, and the permission that shows them."""


async def shown(call: RestCall, team: Team) -> dict[str, Any]:
    """A team as who asks may see it."""
    found: dict[str, Any] = to_json(team)
    for field, permission in ONLY_FOR.items():
        if not await call.workspace.permissions.has_in_team(call.user_id, team.id, permission):
            found[field] = ""
    return found


async def all_shown(call: RestCall, teams: Iterable[Team]) -> list[dict[str, Any]]:
    """Teams as who asks may see them."""
    return [await shown(call, team) for team in teams]


async def create_team(call: RestCall) -> Any:
    """Create a team, of which the creator becomes an administrator."""
    team = replace(await call.model(Team), group_constrained=None, scheme_id=None, policy_id=None)
    return await shown(call, await call.workspace.teams.create(team, call.user_id))


async def get_teams(call: RestCall) -> Any:
    """A page of the teams that who asks may know of."""
    listed = await _listed(call, await call.workspace.teams.all())
    found = listed[call.page * call.per_page : (call.page + 1) * call.per_page]
    return await all_shown(call, found)


async def search(call: RestCall) -> Any:
    """The teams with a term in their name; with a page in the body, as many of them, and how many there are."""
    body = await call.object()
    found = await _listed(call, await call.workspace.teams.search(value_of(str, body.get("term") or "", "term")))
    if body.get("page") is None and body.get("per_page") is None:
        return await all_shown(call, found)
    page = max(value_of(int, body.get("page") or 0, "page"), 0)
    size = min(max(value_of(int, body.get("per_page") or 100, "per_page"), 0), 200)
    return {"teams": await all_shown(call, found[page * size : (page + 1) * size]), "total_count": len(found)}


async def get_team(call: RestCall) -> Any:
    """One team."""
    return await shown(call, await _visible(call, await call.workspace.teams.get(call.path("team_id"))))


async def get_by_name(call: RestCall) -> Any:
    """The team of a name."""
    return await shown(call, await _visible(call, await call.workspace.teams.get_by_name(call.path("team_name"))))


async def exists(call: RestCall) -> Any:
    """Whether there is a team of a name that who asks may know of."""
    name = call.path("team_name")
    try:
        await _visible(call, await call.workspace.teams.get_by_name(name))
    except AppFailure:
        return {"exists": False}
    return {"exists": True}


async def get_by_invitation(call: RestCall) -> Any:
    """What an invitation shows of its team."""
    team = await call.workspace.teams.get_by_invite_id(call.path("invitation"))
    return {name: getattr(team, name) for name in ("id", "name", "display_name", "description")}


async def of_user(call: RestCall) -> Any:
    """The teams a user is in."""
    user_id = call.path("user_id")
    return await all_shown(call, await call.workspace.teams.of_user(user_id))


async def update_team(call: RestCall) -> Any:
    """Change what a team says of itself, and who may join."""
    team_id = call.path("team_id")
    values = values_of(Team, await call.object(), PATCHABLE)
    team = await call.workspace.teams.get(team_id)
    return await shown(call, await call.workspace.teams.update(replace(team, **values)))


async def delete_team(call: RestCall) -> Any:
    """Archive a team."""
    await call.workspace.teams.delete(call.path("team_id"))
    return OK


async def restore_team(call: RestCall) -> Any:
    """Take a team out of the archive."""
    return await shown(call, await call.workspace.teams.restore(call.path("team_id")))


async def regenerate_invite_id(call: RestCall) -> Any:
    """End the invitations to a team, and have another one."""
    return await shown(call, await call.workspace.teams.regenerate_invite_id(call.path("team_id")))


async def stats(call: RestCall) -> Any:
    """How many members a team has."""
    team_id = call.path("team_id")
    return await call.workspace.teams.stats(team_id)


async def unreads(call: RestCall) -> Any:
    """What a user has not read, by team."""
    user_id = call.path("user_id")
    return await call.workspace.unreads.of_teams(user_id)


async def get_icon(call: RestCall) -> Any:
    """A team's image."""
    team = await _visible(call, await call.workspace.teams.get(call.path("team_id")))
    return image_response(await call.workspace.team_icons.get(team.id))


async def set_icon(call: RestCall) -> Any:
    """Replace a team's image by the form's file `image`."""
    team_id = call.path("team_id")
    data = await file_of(call.request, "image", call.workspace.settings.max_file_size)
    await call.workspace.team_icons.set(team_id, data)
    return OK


async def remove_icon(call: RestCall) -> Any:
    """Have a team without an image."""
    await call.workspace.team_icons.remove(call.path("team_id"))
    return OK


async def _visible(call: RestCall, team: Team) -> Team:
    if not (team.allow_open_invite and await call.may("list_public_teams")):
        await call.require_in_team(team.id, "view_team")
    return team


async def _listed(call: RestCall, teams: Iterable[Team]) -> list[Team]:
    public, private = await call.may("list_public_teams"), await call.may("list_private_teams")
    mine = {team.id for team in await call.workspace.teams.of_user(call.user_id)}
    may_see = [team for team in teams if team.id in mine or (public if team.allow_open_invite else private)]
    return [team for team in may_see if not team.delete_at]


ROUTES = [
    RestRoute("POST", "/teams", create_team, system("create_team"), status=201),
    RestRoute("GET", "/teams", get_teams, LISTED),
    RestRoute("POST", "/teams/search", search, LISTED),
    RestRoute("GET", "/teams/name/{team_name}", get_by_name, SEEN),
    RestRoute("GET", "/teams/name/{team_name}/exists", exists, SEEN),
    RestRoute("GET", "/teams/invite/{invitation}", get_by_invitation, PUBLIC),
    RestRoute("GET", "/teams/{team_id}", get_team, SEEN),
    RestRoute("PUT", "/teams/{team_id}", update_team, team("manage_team")),
    RestRoute("DELETE", "/teams/{team_id}", delete_team, team("manage_team")),
    RestRoute("PUT", "/teams/{team_id}/patch", update_team, team("manage_team")),
    RestRoute("POST", "/teams/{team_id}/restore", restore_team, team("manage_team")),
    RestRoute("POST", "/teams/{team_id}/regenerate_invite_id", regenerate_invite_id, team("manage_team")),
    RestRoute("GET", "/teams/{team_id}/stats", stats, team("view_team")),
    RestRoute("GET", "/teams/{team_id}/image", get_icon, SEEN),
    RestRoute("POST", "/teams/{team_id}/image", set_icon, team("manage_team")),
    RestRoute("DELETE", "/teams/{team_id}/image", remove_icon, team("manage_team")),
    RestRoute("GET", "/users/{user_id}/teams", of_user, oneself("read_other_users_teams")),
    RestRoute("GET", "/users/{user_id}/teams/unread", unreads, oneself("read_other_users_teams")),
]
