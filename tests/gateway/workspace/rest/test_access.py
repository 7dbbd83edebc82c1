"""Who may use which route: each is sent by every kind of caller, and the outcome held against the route's access."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
import pytest

from mattermost_plugin.models import Channel, Session, Team, User
from servehttp.workspace.domains.people.default_roles import DEFAULT_ROLES
from servehttp.workspace.rest.access import Access, Rule, Scope
from servehttp.workspace.rest.application import ROUTES
from servehttp.workspace.rest.routes import RestRoute
from servehttp.workspace.workspace import Workspace
from support.rest import Client
from support.rest_scene import BODIES, QUERIES, filled, names_of, take_in, undone
from support.workspaces import a_user

pytestmark = pytest.mark.anyio

SYSTEM_ROLES = {"guest": ["system_guest"], "administrator": ["system_user", "system_admin"]}
TEAM_ROLES = {"guest": ["team_guest"], "member": ["team_user"], "team administrator": ["team_user", "team_admin"]}
CHANNEL_ROLES = {"guest": ["channel_guest"], "member": ["channel_user"], "team administrator": ["channel_user"]}
CALLERS = ("nobody", "guest", "stranger", "member", "team administrator", "administrator")

ADMINISTRATOR = {"administrator"}
TEAM_ADMINISTRATORS = {"team administrator"} | ADMINISTRATOR
MEMBERS = {"member"} | TEAM_ADMINISTRATORS
INSIDE = {"guest"} | MEMBERS
KNOWN = {"stranger"} | INSIDE

BESIDES: Mapping[tuple[str, str], set[str]] = {
    ("GET", "/bots"): ADMINISTRATOR,
    ("GET", "/bots/{bot_id}"): ADMINISTRATOR,
    ("PUT", "/bots/{bot_id}"): ADMINISTRATOR,
    ("POST", "/bots/{bot_id}/enable"): ADMINISTRATOR,
    ("POST", "/bots/{bot_id}/disable"): ADMINISTRATOR,
    ("POST", "/channels/members/{user_id}/view"): ADMINISTRATOR,
    ("POST", "/channels/members/{user_id}/mark_read"): ADMINISTRATOR,
    ("POST", "/channels/{channel_id}/members"): MEMBERS,
    ("POST", "/channels"): MEMBERS,
    ("POST", "/channels/direct"): KNOWN,
    ("POST", "/channels/group"): KNOWN - {"guest"},
    ("PUT", "/channels/{channel_id}/privacy"): TEAM_ADMINISTRATORS,
    ("POST", "/channels/{channel_id}/restore"): TEAM_ADMINISTRATORS,
    ("GET", "/teams/{team_id}/channels/name/{channel_name}"): INSIDE,
    ("GET", "/teams/name/{team_name}/channels/name/{channel_name}"): INSIDE,
    ("POST", "/commands"): TEAM_ADMINISTRATORS,
    ("GET", "/commands"): INSIDE,
    ("POST", "/commands/execute"): MEMBERS,
    ("GET", "/commands/{command_id}"): TEAM_ADMINISTRATORS,
    ("PUT", "/commands/{command_id}"): TEAM_ADMINISTRATORS,
    ("DELETE", "/commands/{command_id}"): TEAM_ADMINISTRATORS,
    ("DELETE", "/emoji/{emoji_id}"): ADMINISTRATOR,
    ("POST", "/files"): INSIDE,
    ("GET", "/files/{file_id}"): INSIDE,
    ("GET", "/files/{file_id}/info"): INSIDE,
    ("GET", "/files/{file_id}/link"): MEMBERS,
    ("POST", "/posts/ids"): KNOWN,
    ("POST", "/posts/search"): KNOWN,
    ("POST", "/posts"): INSIDE,
    ("POST", "/reactions"): INSIDE,
    ("POST", "/users/tokens/revoke"): ADMINISTRATOR,
    ("POST", "/users/tokens/disable"): ADMINISTRATOR,
    ("POST", "/users/tokens/enable"): ADMINISTRATOR,
    ("GET", "/users/tokens/{token_id}"): ADMINISTRATOR,
    ("POST", "/users/status/ids"): KNOWN,
    ("GET", "/users/{user_id}/status"): KNOWN,
    ("POST", "/users/{user_id}/typing"): ADMINISTRATOR,
    ("POST", "/teams/members/invite"): KNOWN - {"guest"},
    ("POST", "/teams/{team_id}/members"): MEMBERS,
    ("GET", "/teams"): KNOWN,
    ("POST", "/teams/search"): KNOWN,
    ("GET", "/teams/name/{team_name}"): INSIDE,
    ("GET", "/teams/name/{team_name}/exists"): KNOWN,
    ("GET", "/teams/{team_id}"): INSIDE,
    ("GET", "/teams/{team_id}/image"): INSIDE,
    ("POST", "/uploads"): INSIDE,
    ("GET", "/uploads/{upload_id}"): ADMINISTRATOR,
    ("POST", "/uploads/{upload_id}"): ADMINISTRATOR,
    ("POST", "/users"): ADMINISTRATOR,
    ("GET", "/users"): KNOWN,
    ("POST", "/users/ids"): KNOWN,
    ("POST", "/users/usernames"): KNOWN,
    ("POST", "/users/search"): INSIDE,
    ("GET", "/users/autocomplete"): KNOWN,
    ("GET", "/users/username/{username}"): KNOWN,
    ("GET", "/users/email/{email}"): KNOWN - {"guest"},
    ("GET", "/users/{user_id}"): KNOWN,
    ("PUT", "/users/{user_id}/roles"): ADMINISTRATOR,
    ("PUT", "/users/{user_id}/active"): ADMINISTRATOR,
    ("GET", "/users/{user_id}/image"): KNOWN,
    ("GET", "/users/{user_id}/image/default"): KNOWN,
}
"""Whom a route lets in whose handler checks more than the address tells."""


@dataclass
class Scene:
    """A team with a private channel, in which everybody is but the stranger and the administrator.

    Attributes:
        callers: by what they are.
        names: what stands in addresses: things of `target`, a member who is none of the callers.
    """

    callers: Mapping[str, Client]
    names: Mapping[str, str]


@pytest.fixture
async def scene(ws: Workspace, http: httpx2.AsyncClient) -> Scene:
    team = await ws.teams.create(Team(name="lab", display_name="Lab", type="O"))
    channel = await ws.channels.create(Channel(team_id=team.id, name="secret", display_name="Secret", type="P"))
    callers = {"nobody": Client(http, User())}
    for name in CALLERS[1:]:
        user = await a_user(ws, name.replace(" ", "_"))
        await ws.users.set_roles(user.id, " ".join(_system_roles(name)))
        if name in TEAM_ROLES:
            await take_in(ws, team, channel, user)
        callers[name] = Client(http, user, (await ws.sessions.create(Session(user_id=user.id))).token)
    await ws.team_members.set_roles(team.id, callers["team administrator"].user.id, "team_user team_admin")
    target = await a_user(ws, "target")
    await take_in(ws, team, channel, target)
    return Scene(callers, await names_of(ws, team, channel, target))


async def outcome(ws: Workspace, client: Client, route: RestRoute, names: Mapping[str, str]) -> int:
    which, names = (route.method, route.path), {**names, "caller_id": client.user.id}
    path = filled(route.path + QUERIES.get(which, ""), names)
    body = json.loads(filled(json.dumps(BODIES.get(which, {})), names))
    async with undone(ws):
        return (await client(route.method, path, json=body)).status_code
    raise AssertionError("unreachable")


def _system_roles(caller: str) -> list[str]:
    return SYSTEM_ROLES.get(caller, ["system_user"])


def _permissions(caller: str, scope: Scope) -> frozenset[str]:
    roles = list(_system_roles(caller))
    if scope not in (Scope.SYSTEM, Scope.ACCOUNT, Scope.USER):
        roles += TEAM_ROLES.get(caller, [])
    if scope in (Scope.CHANNEL, Scope.KIND, Scope.READ, Scope.AUTHOR):
        roles += CHANNEL_ROLES.get(caller, [])
    return frozenset(permission for role in roles for permission in DEFAULT_ROLES[role])


def _fulfils(caller: str, rule: Rule) -> bool:
    needed = rule.others or rule.permission.format("private")
    return needed in _permissions(caller, rule.scope)


def may(caller: str, access: Access) -> bool:
    """Whether the roles of a caller have all that a route needs for things of somebody else."""
    return all(_fulfils(caller, rule) for rule in access.rules)


async def test_every_route_lets_in_whom_its_access_names_and_nobody_else(scene: Scene, ws: Workspace) -> None:
    wrong = []
    for route in ROUTES:
        for caller, client in scene.callers.items():
            status = await outcome(ws, client, route, scene.names)
            if not _as_said(caller, route, status):
                wrong.append(f"{route.method} {route.path} by {caller}: {status}")
    assert not wrong, "\n".join(wrong)


def _as_said(caller: str, route: RestRoute, status: int) -> bool:
    if caller == "nobody" and not route.access.public:
        return status == 401
    if not may(caller, route.access):
        return status == 403
    if route.access.also:
        return status == 403 if caller not in BESIDES[route.method, route.path] else _let_in(status)
    return _let_in(status)


def _let_in(status: int) -> bool:
    return status not in (401, 403) and (status < 500 or status == 501)


def test_what_handlers_check_besides_has_an_entry_here() -> None:
    assert {(route.method, route.path) for route in ROUTES if route.access.also} == BESIDES.keys()
    assert BODIES.keys() <= {(route.method, route.path) for route in ROUTES}
