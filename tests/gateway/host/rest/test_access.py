"""Who may use which route: each is sent by every kind of caller, and the outcome held against the route's access."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from mattermost_plugin.models import (
    Bot,
    Channel,
    Command,
    Post,
    Session,
    Team,
    UploadSession,
    User,
    UserAccessToken,
)
from servehttp.host.ids import new_id
from servehttp.host.rest.access import Access, Rule, Scope
from servehttp.host.rest.application import ROUTES
from servehttp.host.rest.routes import Route
from servehttp.host.workspace import Workspace
from servehttp.host.workspace.default_roles import DEFAULT_ROLES
from servehttp.host.workspace.images import plain_image
from support.rest import Client
from support.workspaces import PASSWORD, a_user

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
    ("POST", "/users/search"): KNOWN,
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

TOKEN = {"token_id": "{token_id}"}
BODIES: Mapping[tuple[str, str], Any] = {
    ("POST", "/channels/{channel_id}/members"): {"user_id": "{bot_id}"},
    ("POST", "/channels"): {"team_id": "{team_id}", "name": "more", "display_name": "More", "type": "P"},
    ("POST", "/channels/direct"): ["{caller_id}", "{user_id}"],
    ("POST", "/channels/group"): ["{user_id}", "{bot_id}"],
    ("PUT", "/channels/{channel_id}/privacy"): {"privacy": "O"},
    ("POST", "/commands"): {"team_id": "{team_id}", "trigger": "fetch", "url": "https://example.com", "method": "P"},
    ("POST", "/commands/execute"): {"channel_id": "{channel_id}", "command": "/shrug"},
    ("POST", "/posts/ids"): ["{post_id}"],
    ("POST", "/posts/search"): {"terms": "hello"},
    ("POST", "/posts"): {"channel_id": "{channel_id}", "message": "hello"},
    ("POST", "/reactions"): {"user_id": "{caller_id}", "post_id": "{post_id}", "emoji_name": "wave"},
    ("POST", "/users/tokens/revoke"): TOKEN,
    ("POST", "/users/tokens/disable"): TOKEN,
    ("POST", "/users/tokens/enable"): TOKEN,
    ("POST", "/users/status/ids"): ["{user_id}"],
    ("POST", "/users/{user_id}/typing"): {"channel_id": "{channel_id}"},
    ("POST", "/teams/{team_id}/members"): {"user_id": "{bot_id}", "team_id": "{team_id}"},
    ("POST", "/uploads"): {"channel_id": "{channel_id}", "filename": "a.txt", "file_size": 5},
    ("POST", "/users/ids"): ["{user_id}"],
    ("POST", "/users/usernames"): ["{username}"],
    ("POST", "/users/search"): {"term": "target"},
    ("PUT", "/users/{user_id}/roles"): {"roles": "system_user system_admin"},
    ("PUT", "/users/{user_id}/active"): {"active": True},
    ("POST", "/users/login"): {"login_id": "{username}", "password": PASSWORD},
}
"""What a route needs to be sent for its handler to come to what it checks."""

QUERIES: Mapping[tuple[str, str], str] = {
    ("GET", "/commands"): "?team_id={team_id}",
    ("POST", "/files"): "?filename=a.txt&channel_id={channel_id}",
    ("POST", "/teams/members/invite"): "?invite_id={invitation}",
}


@dataclass
class Scene:
    """A team with a private channel, in which everybody is but the stranger and the administrator.

    Attributes:
        callers: By what they are.
        names: What stands in addresses: things of `target`, a member who is none of the callers.
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
            await _take_in(ws, team, channel, user)
        callers[name] = Client(http, user, (await ws.sessions.create(Session(user_id=user.id))).token)
    await ws.team_members.set_roles(team.id, callers["team administrator"].user.id, "team_user team_admin")
    target = await a_user(ws, "target")
    await _take_in(ws, team, channel, target)
    return Scene(callers, await _names(ws, team, channel, target))


async def _take_in(ws: Workspace, team: Team, channel: Channel, user: User) -> None:
    await ws.team_members.add(team.id, user.id)
    await ws.channel_members.add(channel.id, user.id)


async def _names(ws: Workspace, team: Team, channel: Channel, target: User) -> dict[str, str]:
    post = await ws.posts.create(Post(channel_id=channel.id, user_id=target.id, message="hello"))
    token = await ws.access_tokens.create(UserAccessToken(user_id=target.id, description="script"))
    command = Command(team_id=team.id, trigger="go", url="https://example.com", method="P", creator_id=target.id)
    file = await ws.files.upload_bytes(channel.id, "notes.txt", b"hello", target.id)
    upload = UploadSession(channel_id=channel.id, filename="b.txt", file_size=5, user_id=target.id, type="attachment")
    emoji = await ws.emoji.create("party", plain_image(target.id), target.id)
    bot = await ws.bots.create(Bot(username="helper", owner_id=target.id))
    return {
        "team_id": team.id,
        "channel_id": channel.id,
        "post_id": post.id,
        "user_id": target.id,
        "token_id": token.id,
        "command_id": (await ws.commands.create(command)).id,
        "bot_id": bot.user_id,
        "file_id": file.id,
        "upload_id": (await ws.uploads.create(upload)).id,
        "emoji_id": emoji.id,
        "team_name": team.name,
        "channel_name": channel.name,
        "username": target.username,
        "email": target.email,
        "invitation": team.invite_id,
        "plugin_id": "com.example.none",
        "role_name": "system_user",
        "role_id": (await ws.roles.by_name("system_user")).id,
    }


class Undone(Exception):
    """What a request has written is taken back."""


@asynccontextmanager
async def undone(ws: Workspace) -> AsyncIterator[None]:
    """Take back what is written inside, so that each request meets the same workspace."""
    try:
        async with ws.database.transaction():
            yield
            raise Undone
    except Undone:
        pass


async def outcome(ws: Workspace, client: Client, route: Route, names: Mapping[str, str]) -> int:
    which, names = (route.method, route.path), {**names, "caller_id": client.user.id}
    path = filled(route.path + QUERIES.get(which, ""), names)
    body = json.loads(filled(json.dumps(BODIES.get(which, {})), names))
    async with undone(ws):
        return (await client(route.method, path, json=body)).status_code
    raise AssertionError("unreachable")


def filled(text: str, names: Mapping[str, str]) -> str:
    return re.sub(r"{([a-z]\w*)}", lambda name: names.get(name[1]) or new_id(), text)


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


def _as_said(caller: str, route: Route, status: int) -> bool:
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
