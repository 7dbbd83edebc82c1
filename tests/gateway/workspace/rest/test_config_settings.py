"""Each setting of the configuration acts, or is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mattermost_plugin.models import Channel
from servehttp.workspace.domains.base.default_config import DEFAULT_CONFIG, SETTABLE
from servehttp.workspace.workspace import Workspace
from support.rest import Client
from support.workspaces import PASSWORD, a_channel

pytestmark = pytest.mark.anyio

OTHER: dict[type, Any] = {bool: None, int: 7, str: "other", dict: {"com.example.poll": {"limit": 1}}}


def changed(value: Any) -> Any:
    """Another value of the same kind."""
    return not value if isinstance(value, bool) else OTHER[type(value)]


async def test_what_does_not_act_is_refused_by_its_name_and_the_rest_is_kept(admin: Client, ws: Workspace) -> None:
    for section, settings in DEFAULT_CONFIG.items():
        for name, value in settings.items():
            answer = await admin("PUT", "/config", json={section: {name: changed(value)}})
            acts = name in SETTABLE.get(section, ())
            assert answer.status_code == (200 if acts else 400), (section, name)
            assert acts or f"{section}.{name}" in answer.json()["message"]
    assert (await admin("PUT", "/config", json={"NoSuchSettings": {"Enable": True}})).status_code == 400
    assert (await admin("PUT", "/config", json={"TeamSettings": {"MaxUsersPerTeam": "many"}})).status_code == 400


async def test_the_whole_configuration_goes_back_as_it_came(admin: Client) -> None:
    config = await admin.ok("GET", "/config")
    assert await admin.ok("PUT", "/config", json=config) == config


@pytest.fixture
async def channel(ws: Workspace, ada: Client) -> Channel:
    return await a_channel(ws, ada.user)


@pytest.mark.parametrize(
    ("section", "name", "method", "path", "body"),
    [
        ("ServiceSettings", "EnableCommands", "POST", "/commands/execute", {"command": "/shrug"}),
        ("ServiceSettings", "EnableBotAccountCreation", "POST", "/bots", {"username": "helper"}),
        ("ServiceSettings", "EnableUserAccessTokens", "POST", "/users/me/tokens", {"description": "script"}),
        ("ServiceSettings", "EnableCustomEmoji", "POST", "/emoji", {}),
        ("FileSettings", "EnableFileAttachments", "POST", "/uploads", {"filename": "a.txt", "file_size": 5}),
    ],
)
async def test_what_is_switched_off_is_not_done(
    admin: Client, channel: Channel, section: str, name: str, method: str, path: str, body: dict[str, Any]
) -> None:
    body = body | {"channel_id": channel.id}
    assert (await admin(method, path, json=body)).status_code < 500
    await admin.ok("PUT", "/config", json={section: {name: False}})
    answer = await admin(method, path, json=body)
    assert (answer.status_code, answer.json()["id"]) == (501, f"api.config.{name}.disabled.app_error")


async def test_tokens_of_people_do_not_count_while_they_are_switched_off(admin: Client) -> None:
    made = await admin.ok("POST", "/users/me/tokens", json={"description": "script"})
    script = Client(admin.http, admin.user, made["token"])
    assert (await script("GET", "/users/me")).status_code == 200
    await admin.ok("PUT", "/config", json={"ServiceSettings": {"EnableUserAccessTokens": False}})
    assert (await script("GET", "/users/me")).status_code == 401


async def test_nobody_signs_up_where_that_is_switched_off_and_anybody_where_it_is_open(
    admin: Client, nobody: Client, channel: Channel, ws: Workspace
) -> None:
    bob = {"username": "bob", "email": "bob@example.com", "password": PASSWORD}
    invitation = {"iid": (await ws.teams.get(channel.team_id)).invite_id}
    await admin.ok("PUT", "/config", json={"TeamSettings": {"EnableUserCreation": False}})
    assert (await nobody("POST", "/users", params=invitation, json=bob)).status_code == 501
    assert (await nobody("POST", "/users", json=bob)).status_code == 501
    await admin.ok("PUT", "/config", json={"TeamSettings": {"EnableOpenServer": True}})
    assert (await nobody("POST", "/users", json=bob)).status_code == 201


async def test_addresses_and_names_are_hidden_where_they_are_not_to_be_shown(
    ada: Client, admin: Client, make_client: Callable[[str], Awaitable[Client]]
) -> None:
    bob = await make_client("bob")
    await bob.ok("PUT", "/users/me/patch", json={"first_name": "Robert"})
    seen = await ada.ok("GET", f"/users/{bob.user.id}")
    assert (seen["email"], seen["first_name"]) == ("bob@example.com", "Robert")
    hidden = {"PrivacySettings": {"ShowEmailAddress": False, "ShowFullName": False}}
    await admin.ok("PUT", "/config", json=hidden)
    assert not {"email", "first_name"} & (await ada.ok("GET", f"/users/{bob.user.id}")).keys()
    assert await ada.ok("POST", "/users/search", json={"term": "Robert"}) == []
    assert (await ada("GET", "/users/email/bob@example.com")).status_code == 403
    assert (await admin.ok("GET", f"/users/{bob.user.id}"))["email"] == "bob@example.com"
    assert (await bob.ok("GET", "/users/me"))["first_name"] == "Robert"
