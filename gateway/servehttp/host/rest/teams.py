"""Teams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mattermost_plugin.models import Team
from servehttp.host.errors import AppFailure
from servehttp.host.rest.call import OK, Call
from servehttp.host.rest.forms import file_of
from servehttp.host.rest.json import to_json, value_of, values_of
from servehttp.host.rest.routes import Route
from servehttp.host.rest.users import image

PATCHABLE = (
    "display_name", "description", "company_name", "allowed_domains", "allow_open_invite", "group_constrained",
)  # fmt: skip
ONLY_FOR = {"email": "manage_team", "invite_id": "invite_user"}
"""Fields, and the permission that shows them."""


async def shown(call: Call, team: Team) -> dict[str, Any]:
    """A team as who asks may see it."""
    found: dict[str, Any] = to_json(team)
    for field, permission in ONLY_FOR.items():
        if not await call.ws.permissions.has_in_team(call.user_id, team.id, permission):
            found[field] = ""
    return found


async def all_shown(call: Call, teams: Iterable[Team]) -> list[dict[str, Any]]:
    """Teams as who asks may see them."""
    return [await shown(call, team) for team in teams]


async def create_team(call: Call) -> Any:
    """Create a team, of which the creator becomes an administrator."""
    await call.require("create_team")
    team = replace(await call.model(Team), group_constrained=None, scheme_id=None, policy_id=None)
    return await shown(call, await call.ws.teams.create(team, call.user_id))


async def get_teams(call: Call) -> Any:
    """A page of the teams that who asks may know of."""
    listed = await _listed(call, await call.ws.teams.all())
    found = listed[call.page * call.per_page : (call.page + 1) * call.per_page]
    return await all_shown(call, found)


async def search(call: Call) -> Any:
    """The teams with a term in their name; with a page in the body, as many of them, and how many there are."""
    body = await call.object()
    found = await _listed(call, await call.ws.teams.search(value_of(str, body.get("term") or "", "term")))
    if body.get("page") is None and body.get("per_page") is None:
        return await all_shown(call, found)
    page = max(value_of(int, body.get("page") or 0, "page"), 0)
    size = min(max(value_of(int, body.get("per_page") or 100, "per_page"), 0), 200)
    return {"teams": await all_shown(call, found[page * size : (page + 1) * size]), "total_count": len(found)}


async def get_team(call: Call) -> Any:
    """One team."""
    return await shown(call, await _visible(call, await call.ws.teams.get(call.path("team_id"))))


async def get_by_name(call: Call) -> Any:
    """The team of a name."""
    return await shown(call, await _visible(call, await call.ws.teams.get_by_name(call.path("team_name"))))


async def exists(call: Call) -> Any:
    """Whether there is a team of a name that who asks may know of."""
    try:
        await _visible(call, await call.ws.teams.get_by_name(call.path("team_name")))
    except AppFailure:
        return {"exists": False}
    return {"exists": True}


async def get_by_invitation(call: Call) -> Any:
    """What an invitation shows of its team."""
    team = await call.ws.teams.get_by_invite_id(call.path("invitation"))
    return {name: getattr(team, name) for name in ("id", "name", "display_name", "description")}


async def of_user(call: Call) -> Any:
    """The teams a user is in."""
    user_id = call.path("user_id")
    await call.require_self(user_id, "read_other_users_teams")
    return await all_shown(call, await call.ws.teams.of_user(user_id))


async def update_team(call: Call) -> Any:
    """Change what a team says of itself, and who may join."""
    team_id = await _managed(call)
    values = values_of(Team, await call.object(), PATCHABLE)
    return await shown(call, await call.ws.teams.update(replace(await call.ws.teams.get(team_id), **values)))


async def delete_team(call: Call) -> Any:
    """Archive a team."""
    await call.ws.teams.delete(await _managed(call))
    return OK


async def restore_team(call: Call) -> Any:
    """Take a team out of the archive."""
    return await shown(call, await call.ws.teams.restore(await _managed(call)))


async def regenerate_invite_id(call: Call) -> Any:
    """End the invitations to a team, and have another one."""
    return await shown(call, await call.ws.teams.regenerate_invite_id(await _managed(call)))


async def stats(call: Call) -> Any:
    """How many members a team has."""
    team_id = call.path("team_id")
    await call.require_in_team(team_id, "view_team")
    return await call.ws.teams.stats(team_id)


async def unreads(call: Call) -> Any:
    """What a user has not read, by team."""
    user_id = call.path("user_id")
    await call.require_self(user_id, "read_other_users_teams")
    return await call.ws.unreads.of_teams(user_id)


async def get_icon(call: Call) -> Any:
    """A team's image."""
    team = await _visible(call, await call.ws.teams.get(call.path("team_id")))
    return image(await call.ws.team_icons.get(team.id))


async def set_icon(call: Call) -> Any:
    """Replace a team's image by the form's file `image`."""
    team_id = await _managed(call)
    await call.ws.team_icons.set(team_id, await file_of(call.request, "image", call.ws.settings.max_file_size))
    return OK


async def remove_icon(call: Call) -> Any:
    """Have a team without an image."""
    await call.ws.team_icons.remove(await _managed(call))
    return OK


async def _managed(call: Call) -> str:
    team_id = call.path("team_id")
    await call.require_in_team(team_id, "manage_team")
    return team_id


async def _visible(call: Call, team: Team) -> Team:
    if not (team.allow_open_invite and await call.may("list_public_teams")):
        await call.require_in_team(team.id, "view_team")
    return team


async def _listed(call: Call, teams: Iterable[Team]) -> list[Team]:
    public, private = await call.may("list_public_teams"), await call.may("list_private_teams")
    mine = {team.id for team in await call.ws.teams.of_user(call.user_id)}
    may_see = [team for team in teams if team.id in mine or (public if team.allow_open_invite else private)]
    return [team for team in may_see if not team.delete_at]


ROUTES = [
    Route("POST", "/teams", create_team, status=201),
    Route("GET", "/teams", get_teams),
    Route("POST", "/teams/search", search),
    Route("GET", "/teams/name/{team_name}", get_by_name),
    Route("GET", "/teams/name/{team_name}/exists", exists),
    Route("GET", "/teams/invite/{invitation}", get_by_invitation, public=True),
    Route("GET", "/teams/{team_id}", get_team),
    Route("PUT", "/teams/{team_id}", update_team),
    Route("DELETE", "/teams/{team_id}", delete_team),
    Route("PUT", "/teams/{team_id}/patch", update_team),
    Route("POST", "/teams/{team_id}/restore", restore_team),
    Route("POST", "/teams/{team_id}/regenerate_invite_id", regenerate_invite_id),
    Route("GET", "/teams/{team_id}/stats", stats),
    Route("GET", "/teams/{team_id}/image", get_icon),
    Route("POST", "/teams/{team_id}/image", set_icon),
    Route("DELETE", "/teams/{team_id}/image", remove_icon),
    Route("GET", "/users/{user_id}/teams", of_user),
    Route("GET", "/users/{user_id}/teams/unread", unreads),
]
