"""Accounts: what they must be like, who finds them, and who is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from mattermost_plugin.grpc import hooks_user_channel_pb2 as pb
from mattermost_plugin.models import ChannelMember, TeamMember, User, UserAuth, ViewUsersRestrictions
from servehttp.workspace.domains.people.user_filters import UserFilter
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import is_id, new_id
from servehttp.workspace.store.rows import insert, scalar, to_row
from servehttp.workspace.store.tables.channels import channel_members
from servehttp.workspace.store.tables.teams import team_members
from servehttp.workspace.store.tables.users import users as table
from servehttp.workspace.workspace import Workspace
from support.workspaces import PASSWORD, Clock, FakePlugin, a_user

pytestmark = pytest.mark.anyio

TEAM, CHANNEL = new_id(), new_id()


async def join(ws: Workspace, *members: TeamMember | ChannelMember) -> None:
    async with ws.database.transaction() as tx:
        for member in members:
            place = team_members if isinstance(member, TeamMember) else channel_members
            await insert(tx, place, to_row(member, place))


async def found(ws: Workspace, wanted: UserFilter, sort: str = "") -> list[str]:
    return [user.username for user in await ws.users.find(wanted, sort)]


async def test_an_account_gets_an_id_times_a_role_and_defaults(ws: Workspace, clock: Clock) -> None:
    user = await ws.users.create(
        User(username=" Ada ", email="Ada@Example.com", password=PASSWORD, roles="system_admin", delete_at=5)
    )
    assert is_id(user.id)
    assert (user.username, user.email) == ("ada", "ada@example.com")
    assert (user.create_at, user.update_at, user.delete_at) == (clock(), clock(), 0)
    assert (user.roles, user.locale) == ("system_user", "en")
    assert user.notify_props["desktop"] == "mention"
    assert await ws.users.get(user.id) == user


async def test_a_password_is_kept_as_a_hash_of_argon2id_and_never_given_back(ws: Workspace) -> None:
    user = await a_user(ws)
    async with ws.database.reading() as tx:
        kept = await scalar(tx, select(table.c.password_hash))
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in repr((user, kept))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "a" * 65}, "username"),
        ({"username": "system"}, "username"),
        ({"email": "nobody"}, "email"),
        ({"email": "a" * 120 + "@example.com"}, "email"),
        ({"nickname": "n" * 65}, "nickname"),
        ({"position": "p" * 129}, "position"),
        ({"auth_data": "key"}, "auth_data_type"),
        ({"password": "short"}, "pwd"),
        ({"password": "ü" * 37}, "pwd"),
    ],
)
async def test_a_malformed_account_is_refused_by_the_name_of_its_field(
    ws: Workspace, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(AppFailure) as refused:
        await ws.users.create(replace(User(username="ada", email="ada@example.com", password=PASSWORD), **fields))
    assert (refused.value.id, refused.value.status) == (f"model.user.is_valid.{field}.app_error", 400)


@pytest.mark.parametrize(
    ("username", "email", "taken"),
    [("ADA", "other@example.com", "username"), ("other", "ADA@example.com", "email")],
)
async def test_a_name_or_an_address_that_is_taken_in_any_case_is_refused(
    ws: Workspace, username: str, email: str, taken: str
) -> None:
    await a_user(ws)
    with pytest.raises(AppFailure) as refused:
        await ws.users.create(User(username=username, email=email, password=PASSWORD))
    assert refused.value.id == f"app.user.save.{taken}_exists.app_error"


async def test_a_new_account_is_told_to_plugins_and_clients(ws: Workspace) -> None:
    plugin = FakePlugin({"UserHasBeenCreated": pb.UserHasBeenCreatedResponse()})
    ws.hooks.register("a", plugin)
    events = ws.events.subscribe()
    user = await a_user(ws)
    await ws.hooks.settled()
    assert (await anext(events)).data == {"user_id": user.id}
    request = plugin.asked[0][1]
    assert isinstance(request, pb.UserHasBeenCreatedRequest)
    assert (request.user.id, request.user.password) == (user.id, "")


async def test_an_update_leaves_alone_what_other_operations_are_for(ws: Workspace, clock: Clock) -> None:
    user = await a_user(ws)
    clock.advance(seconds=1)
    new = await ws.users.update(replace(user, nickname="Countess", roles="system_admin", create_at=1, delete_at=1))
    assert (new.nickname, new.roles, new.create_at, new.delete_at) == ("Countess", "system_user", user.create_at, 0)
    assert new.update_at == clock()
    assert await ws.users.get(user.id) == new


async def test_another_address_has_to_be_verified_again(ws: Workspace) -> None:
    user = await a_user(ws)
    await ws.users.touch(user.id, email_verified=True)
    assert (await ws.users.update(replace(user, nickname="x"))).email_verified
    assert not (await ws.users.update(replace(user, email="other@example.com"))).email_verified


async def test_a_user_who_is_not_there_cannot_be_updated(ws: Workspace) -> None:
    with pytest.raises(AppFailure) as missing:
        await ws.users.update(User(id=new_id(), username="ada", email="ada@example.com"))
    assert (missing.value.id, missing.value.status) == ("app.user.missing_account.const", 404)


async def test_a_deactivated_user_has_no_sessions_and_plugins_are_told_once(ws: Workspace, clock: Clock) -> None:
    plugin = FakePlugin({"UserHasBeenDeactivated": pb.UserHasBeenDeactivatedResponse()})
    ws.hooks.register("a", plugin)
    user = await a_user(ws)
    await ws.logins.login("ada", PASSWORD)
    await ws.users.set_active(user.id, False)
    await ws.users.set_active(user.id, False)
    await ws.hooks.settled()
    assert (await ws.users.get(user.id)).delete_at == clock()
    assert await ws.sessions.of_user(user.id) == []
    assert len(plugin.asked) == 1


async def test_only_roles_that_exist_can_be_given(ws: Workspace) -> None:
    user = await a_user(ws)
    with pytest.raises(AppFailure) as refused:
        await ws.users.set_roles(user.id, "system_user emperor")
    assert refused.value.id == "app.role.check_roles_exist.role_not_found"
    assert (await ws.users.get(user.id)).roles == "system_user"


async def test_a_key_of_another_service_belongs_to_one_user(ws: Workspace) -> None:
    ada, bob = await a_user(ws), await a_user(ws, "bob")
    await ws.users.set_auth(ada.id, UserAuth("key", "gitlab"))
    with pytest.raises(AppFailure):
        await ws.users.set_auth(bob.id, UserAuth("key", "gitlab"))
    await ws.users.set_auth(bob.id, UserAuth("key", "saml"))


async def test_who_logs_in_elsewhere_has_no_password(ws: Workspace) -> None:
    ada = await a_user(ws)
    await ws.users.set_auth(ada.id, UserAuth("key", "gitlab"))
    with pytest.raises(AppFailure):
        await ws.logins.login("ada", PASSWORD)


async def test_users_are_listed_by_where_they_are_members_and_by_their_roles_there(ws: Workspace) -> None:
    ada, bob, eve = await a_user(ws), await a_user(ws, "bob"), await a_user(ws, "eve")
    await join(
        ws,
        TeamMember(team_id=TEAM, user_id=ada.id, scheme_user=True, scheme_admin=True),
        TeamMember(team_id=TEAM, user_id=bob.id, scheme_user=True, roles="custom"),
        TeamMember(team_id=TEAM, user_id=eve.id, delete_at=1),
        ChannelMember(channel_id=CHANNEL, user_id=ada.id, scheme_user=True),
    )
    assert await found(ws, UserFilter(in_team_id=TEAM)) == ["ada", "bob"]
    assert await found(ws, UserFilter(in_team_id=TEAM, team_roles=["team_admin"])) == ["ada"]
    assert await found(ws, UserFilter(in_team_id=TEAM, team_roles=["custom"])) == ["bob"]
    assert await found(ws, UserFilter(not_in_team_id=TEAM)) == ["eve"]
    assert await found(ws, UserFilter(without_team=True)) == ["eve"]
    assert await found(ws, UserFilter(in_team_id=TEAM, not_in_channel_id=CHANNEL)) == ["bob"]
    assert await found(ws, UserFilter(in_channel_id=CHANNEL, channel_roles=["channel_admin"])) == []
    assert await found(ws, UserFilter(view_restrictions=ViewUsersRestrictions(channels=[CHANNEL]))) == ["ada"]
    assert await found(ws, UserFilter(view_restrictions=ViewUsersRestrictions(teams=[TEAM]))) == ["ada", "bob"]


async def test_users_are_listed_by_system_roles_which_are_whole_words(ws: Workspace) -> None:
    ada, _ = await a_user(ws), await a_user(ws, "bob")
    await ws.users.set_roles(ada.id, "system_user system_admin")
    assert await found(ws, UserFilter(role="system_admin")) == ["ada"]
    assert await found(ws, UserFilter(role="system")) == []
    assert await found(ws, UserFilter(role="system%")) == []
    assert await found(ws, UserFilter(roles=["system_admin", "system_user"])) == ["ada", "bob"]


async def test_users_come_in_the_order_that_is_asked_for(ws: Workspace, clock: Clock) -> None:
    for name in ("bob", "ada"):
        user = await a_user(ws, name)
        clock.advance(seconds=1)
    await ws.statuses.set(user.id, "away")
    assert await found(ws, UserFilter()) == ["ada", "bob"]
    assert await found(ws, UserFilter(), "create_at") == ["ada", "bob"]
    assert await found(ws, UserFilter(), "status") == ["ada", "bob"]
    assert await found(ws, UserFilter(updated_after=user.create_at - 1)) == ["ada"]
    with pytest.raises(AppFailure):
        await found(ws, UserFilter(), "shoe_size")


async def test_conditions_that_contradict_one_another_are_refused(ws: Workspace) -> None:
    with pytest.raises(AppFailure):
        await ws.users.find(UserFilter(active=True, inactive=True))


async def test_a_search_finds_the_beginnings_of_names_and_takes_no_wildcards(ws: Workspace) -> None:
    ada = await a_user(ws)
    await ws.users.update(replace(ada, first_name="Augusta", last_name="Lovelace"))
    await a_user(ws, "bob")
    for term, names in {
        "@AD": ["ada"],
        "love": ["ada"],
        "aug love": ["ada"],
        "ove": [],
        "%": [],
        "": ["ada", "bob"],
    }.items():
        assert [user.username for user in await ws.users.search(term, UserFilter())] == names
    assert len(await ws.users.search("", UserFilter(), limit=1)) == 1
