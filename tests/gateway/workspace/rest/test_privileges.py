"""Ways to more than one may: other scopes' roles, others' channels, others' accounts, and what is not for clients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from mattermost_plugin.models import Channel, Command, Post, Team
from servehttp.workspace.domains.places.channel_rules import direct_name, group_name
from servehttp.workspace.rest.event_json import event_json
from servehttp.workspace.store.tables.teams import team_members
from servehttp.workspace.workspace import Workspace
from support.rest import Client
from support.workspaces import PASSWORD, a_channel, a_user

pytestmark = pytest.mark.anyio

SECRET = "https://hooks.example.com/secret"
ATTACHED = {"attachments": [{"text": "Vote", "actions": [{"id": "yes", "integration": {"url": SECRET}}]}]}


@pytest.fixture
async def channel(ws: Workspace, ada: Client) -> Channel:
    """A public channel of a team with Ada, who administers it."""
    channel = await a_channel(ws, ada.user)
    await ws.team_members.set_roles(channel.team_id, ada.user.id, "team_user team_admin")
    await ws.channel_members.set_roles(channel.id, ada.user.id, "channel_user channel_admin")
    return channel


@pytest.fixture
async def guest(ws: Workspace, make_client: Callable[[str], Awaitable[Client]]) -> Client:
    client = await make_client("gast")
    await ws.users.set_roles(client.user.id, "system_guest")
    return client


async def test_roles_of_another_scope_are_given_nowhere(
    ada: Client, admin: Client, channel: Channel, ws: Workspace
) -> None:
    kept = {"system": "system_user", "team": "team_user team_admin", "channel": "channel_user channel_admin"}
    paths = {
        "system": f"/users/{ada.user.id}/roles",
        "team": f"/teams/{channel.team_id}/members/{ada.user.id}/roles",
        "channel": f"/channels/{channel.id}/members/{ada.user.id}/roles",
    }
    for scope, path in paths.items():
        for role in await ws.roles.all():
            client = admin if scope == "system" else ada
            body = {"roles": f"{kept[scope]} {role.name}"}
            status = (await client("PUT", path, json=body)).status_code
            both = role.name == f"{scope}_guest" and scope != "system"
            assert status == (200 if role.name.startswith(scope) and not both else 400), (scope, role.name)


async def test_a_role_of_another_scope_that_is_stored_permits_nothing(ws: Workspace, channel: Channel) -> None:
    bob = await a_user(ws, "bob")
    await ws.team_members.add(channel.team_id, bob.id)
    async with ws.database.transaction() as tx:
        await tx.execute(team_members.update().where(team_members.c.user_id == bob.id).values(roles="system_admin"))
    assert not await ws.permissions.has_in_team(bob.id, channel.team_id, "manage_system")


async def test_a_direct_channel_has_two_users_and_who_asks_is_one(ada: Client, admin: Client, ws: Workspace) -> None:
    bob, eve = (await a_user(ws, "bob")).id, (await a_user(ws, "eve")).id
    for user_ids, status in (([bob, eve, ada.user.id], 400), ([ada.user.id], 400), ([], 400), ([bob, eve], 403)):
        assert (await ada("POST", "/channels/direct", json=user_ids)).status_code == status
    made = await ada.ok("POST", "/channels/direct", json=[bob, ada.user.id])
    assert {member.user_id for member in await ws.channel_members.of_channel(made["id"])} == {bob, ada.user.id}
    assert (await admin("POST", "/channels/direct", json=[bob, eve])).status_code == 201


async def test_of_a_channel_without_a_team_its_members_change_the_header_and_nothing_else(
    ada: Client, make_client: Callable[[str], Awaitable[Client]], ws: Workspace
) -> None:
    bob, eve = await make_client("bob"), await make_client("eve")
    direct = await ws.direct_channels.direct(ada.user.id, bob.user.id)
    group = await ws.direct_channels.group([ada.user.id, bob.user.id, eve.user.id])
    for channel, others in ((direct, direct_name(bob.user.id, eve.user.id)), (group, group_name(["a", "b", "c"]))):
        changes = {"name": others, "display_name": "Town", "purpose": "None", "group_constrained": True}
        for field, value in changes.items():
            for end in ("", "/patch"):
                answer = await ada("PUT", f"/channels/{channel.id}{end}", json={field: value, "header": "Hello"})
                assert answer.status_code == 400, (channel.type, field, end)
        assert (await ada("DELETE", f"/channels/{channel.id}")).status_code == 400
        assert await ws.channels.get(channel.id) == channel
        whole = await ada.ok("GET", f"/channels/{channel.id}")
        assert (await ada.ok("PUT", f"/channels/{channel.id}", json=whole | {"header": "Hello"}))["header"] == "Hello"
    made = await bob.ok("POST", "/channels/direct", json=[bob.user.id, eve.user.id])
    assert {member.user_id for member in await ws.channel_members.of_channel(made["id"])} == {bob.user.id, eve.user.id}


async def test_a_guest_knows_whom_they_share_a_channel_with_and_no_address(
    guest: Client, ada: Client, channel: Channel, ws: Workspace
) -> None:
    team = await ws.teams.get(channel.team_id)
    for path, body in (
        ("/users/ids", [ada.user.id]),
        ("/users/usernames", ["ada"]),
        ("/users/search", {"term": "ada"}),
    ):
        assert await guest.ok("POST", path, json=body) == []
    assert await guest.ok("GET", "/users") == []
    assert (await guest("GET", f"/users/{ada.user.id}")).status_code == 403
    assert (await guest("POST", "/channels/direct", json=[guest.user.id, ada.user.id])).status_code == 403
    assert (await guest("POST", "/teams/members/invite", params={"invite_id": team.invite_id})).status_code == 403
    await ws.team_members.add(channel.team_id, guest.user.id)
    await ws.channel_members.add(channel.id, guest.user.id)
    seen = {user["username"]: user for user in await guest.ok("GET", "/users")}
    assert seen.keys() == {"ada", "gast"}
    assert "email" not in seen["ada"]
    assert await guest.ok("POST", "/users/search", json={"term": "ada@example.com"}) == []
    assert (await guest("GET", "/users/email/ada@example.com")).status_code == 403


async def test_a_sign_up_that_is_refused_leaves_no_account(nobody: Client, ws: Workspace) -> None:
    team = await ws.teams.create(Team(name="lab", display_name="Lab", allowed_domains="lab.example"))
    bob = {"username": "bob", "email": "bob@example.com", "password": PASSWORD, "email_verified": True}
    assert (await nobody("POST", "/users", params={"iid": team.invite_id}, json=bob)).status_code == 400
    assert await ws.users.by_usernames(["bob"]) == []
    bob["email"] = "bob@lab.example"
    made = await nobody.ok("POST", "/users", params={"iid": team.invite_id}, json=bob)
    assert not made["email_verified"]


async def test_an_administrators_account_is_changed_by_administrators_alone(
    ada: Client, admin: Client, ws: Workspace
) -> None:
    role = await ws.roles.by_name("system_user")
    more = ("sysconsole_write_user_management_users", "edit_other_users", "manage_roles", "create_user_access_token")
    await ws.roles.set_permissions(role.id, [*role.permissions, *more])
    path, bob = f"/users/{admin.user.id}", await a_user(ws, "bob")
    changes = (
        ("PUT", "/password", {"new_password": PASSWORD + "!"}),
        ("PUT", "/patch", {"email": "mine@example.com", "password": PASSWORD}),
        ("POST", "/tokens", {"description": "mine"}),
        ("PUT", "/roles", {"roles": "system_user"}),
        ("PUT", "/active", {"active": False}),
        ("DELETE", "", None),
        ("POST", "/sessions/revoke/all", None),
    )
    for method, end, body in changes:
        assert (await ada(method, path + end, json=body)).status_code == 403, end
    for method, end, body in changes:
        assert (await ada(method, f"/users/{bob.id}{end}", json=body)).status_code in (200, 201), end
    raised = await ada("PUT", f"/users/{ada.user.id}/roles", json={"roles": "system_user system_admin"})
    assert raised.status_code == 403


async def test_where_actions_of_posts_lead_stays_on_the_host(ada: Client, channel: Channel, ws: Workspace) -> None:
    made = await ada.ok("POST", "/posts", json={"channel_id": channel.id, "message": "Vote", "props": ATTACHED})
    answers = [
        await ada("GET", f"/posts/{made['id']}"),
        await ada("GET", f"/posts/{made['id']}/thread"),
        await ada("GET", f"/channels/{channel.id}/posts"),
        await ada("POST", "/posts/ids", json=[made["id"]]),
        await ada("POST", "/posts/search", json={"terms": "Vote"}),
    ]
    assert all("Vote" in answer.text and SECRET not in answer.text for answer in answers)
    assert (await ws.posts.get(made["id"])).props == ATTACHED


async def test_events_do_not_tell_where_actions_of_posts_lead(ada: Client, channel: Channel, ws: Workspace) -> None:
    events = ws.events.subscribe()
    post = Post(channel_id=channel.id, user_id=ada.user.id, message="Vote", props=ATTACHED)
    await ws.posts.create(post)
    ws.ephemeral_posts.send(ada.user.id, post)
    told = [event_json(await anext(events), 0) for _ in range(events.waiting)]
    assert sum("Vote" in text for text in told) == 2
    assert not any(SECRET in text for text in told)


async def test_the_address_of_a_command_is_for_those_who_manage_it(
    ada: Client, make_client: Callable[[str], Awaitable[Client]], channel: Channel, ws: Workspace
) -> None:
    command = Command(team_id=channel.team_id, trigger="go", url=SECRET, method="P", creator_id=ada.user.id)
    made = await ws.commands.create(command)
    bob = await make_client("bob")
    await ws.team_members.add(channel.team_id, bob.user.id)
    for path in ("/commands?team_id=" + channel.team_id, f"/teams/{channel.team_id}/commands/autocomplete"):
        answer = await bob("GET", path)
        assert answer.status_code == 200
        assert SECRET not in answer.text
        assert made.token not in answer.text
    assert (await bob("GET", f"/commands/{made.id}")).status_code == 403
    assert (await ada.ok("GET", f"/commands/{made.id}"))["url"] == SECRET


async def test_details_of_an_error_are_in_the_log_by_the_requests_id_and_not_in_the_answer(
    admin: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = (await admin("POST", "/plugins/com.example.none/enable")).json()
    assert answer["detailed_error"] == ""
    assert f"request_id={answer['request_id']}" in capsys.readouterr().out
