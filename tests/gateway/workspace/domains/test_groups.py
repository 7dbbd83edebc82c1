"""Groups: what they must be like, who is in them, and which teams and channels they fill."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mattermost_plugin.models import Channel, Group, GroupSearchOpts, GroupSyncable, Team, User
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import new_id
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def lab(ws: Workspace) -> Team:
    return await ws.teams.create(Team(name="lab", display_name="Lab"))


@pytest.fixture
async def devs(ws: Workspace, ada: User) -> Group:
    """A group that Ada is in."""
    group = await ws.groups.create(Group(name="devs", display_name="Developers", source="custom"))
    await ws.group_members.add(group.id, ada.id)
    return group


async def link(ws: Workspace, group: Group, place: Team | Channel, *, auto_add: bool = True) -> GroupSyncable:
    kind = "Team" if isinstance(place, Team) else "Channel"
    wanted = GroupSyncable(group_id=group.id, syncable_id=place.id, syncable_type=kind, auto_add=auto_add)
    return await ws.group_syncables.upsert(wanted)


async def in_team(ws: Workspace, team: Team) -> set[str]:
    return {member.user_id for member in await ws.team_members.of_team(team.id)}


async def in_channel(ws: Workspace, channel: Channel) -> set[str]:
    return {member.user_id for member in await ws.channel_members.of_channel(channel.id)}


async def test_a_malformed_group_is_refused_by_the_name_of_its_field(ws: Workspace) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"name": "", "allow_reference": True}, "name"),
        ({"name": "n" * 65}, "name.invalid_length"),
        ({"name": "all"}, "name.reserved_name"),
        ({"name": "A b"}, "name.invalid_chars"),
        ({"display_name": ""}, "display_name"),
        ({"display_name": "d" * 129}, "display_name"),
        ({"description": "d" * 1025}, "description"),
        ({"source": "other"}, "source"),
        ({"source": "ldap"}, "remote_id"),
        ({"remote_id": "r" * 49}, "remote_id"),
    ]
    for fields, field in cases:
        good = Group(name="devs", display_name="Developers", source="custom")
        with pytest.raises(AppFailure) as refused:
            await ws.groups.create(replace(good, **fields))
        assert (refused.value.id, refused.value.status) == (f"model.group.{field}.app_error", 400)


async def test_names_and_remote_ids_are_unique_but_several_groups_have_none(ws: Workspace, ada: User) -> None:
    nameless = Group(display_name="Nameless", source="custom")
    assert (await ws.groups.create(nameless)).id != (await ws.groups.create(nameless)).id
    first = Group(name="first", display_name="First", source="ldap", remote_id="r1")
    await ws.groups.create(first)
    cases = [
        (replace(first, remote_id="r2"), "app.custom_group.unique_name"),
        (replace(first, name="second"), "app.group.uniqueness_error"),
        (replace(first, name=ada.username, remote_id="r2"), "app.group.username_conflict"),
        (replace(first, id=new_id()), "app.group.id.app_error"),
    ]
    for group, failure in cases:
        with pytest.raises(AppFailure) as refused:
            await ws.groups.create(group)
        assert refused.value.id == failure
    with pytest.raises(AppFailure):
        await ws.groups.get_by_name("")


async def test_groups_are_found_by_conditions(ws: Workspace, devs: Group) -> None:
    empty = await ws.groups.create(
        Group(name="empty", display_name="Empty", source="ldap", remote_id="r", allow_reference=True)
    )
    cases = [
        (GroupSearchOpts(), [devs, empty]),
        (GroupSearchOpts(q="DEVEL"), [devs]),
        (GroupSearchOpts(source="ldap"), [empty]),
        (GroupSearchOpts(filter_allow_reference="true"), [empty]),
        (GroupSearchOpts(filter_has_member=True), [devs]),
        (GroupSearchOpts(filter_archived=True), []),
    ]
    for opts, groups in cases:
        assert await ws.groups.find(opts) == groups
    assert await ws.groups.find(GroupSearchOpts(), 1, 1) == [empty]


async def test_an_archived_group_has_no_name_to_be_found_by_and_fills_nothing(
    ws: Workspace, ada: User, devs: Group, lab: Team
) -> None:
    await link(ws, devs, lab)
    await ws.groups.delete(devs.id)
    with pytest.raises(AppFailure):
        await ws.groups.get_by_name("devs")
    with pytest.raises(AppFailure):
        await ws.groups.delete(devs.id)
    assert await ws.groups.of_user(ada.id) == []
    await ws.group_sync.add_members()
    assert await in_team(ws, lab) == set()


async def test_a_member_comes_back_as_a_new_one_and_only_users_who_are_active_come(
    ws: Workspace, ada: User, devs: Group, clock: Clock
) -> None:
    first = await ws.group_members.add(devs.id, ada.id)
    clock.advance(seconds=1)
    assert await ws.group_members.add(devs.id, ada.id) == first
    await ws.group_members.remove(devs.id, ada.id)
    with pytest.raises(AppFailure):
        await ws.group_members.remove(devs.id, ada.id)
    assert (await ws.group_members.add(devs.id, ada.id)).create_at == clock()
    bob, sleeper = await a_user(ws, "bob"), await a_user(ws, "sleeper")
    await ws.users.set_active(sleeper.id, False)
    for nobody in (sleeper.id, new_id()):
        with pytest.raises(AppFailure) as refused:
            await ws.group_members.add_all(devs.id, [bob.id, nobody])
        assert refused.value.id == "app.group.user_not_found"
    assert [user.id for user in await ws.group_members.active(devs.id)] == [ada.id]


async def test_a_link_to_a_channel_links_its_team_and_goes_with_that(ws: Workspace, devs: Group, lab: Team) -> None:
    square = await ws.channels.get_by_name(lab.id, "town-square")
    await link(ws, devs, square)
    [to_team] = await ws.group_syncables.of_group(devs.id, "Team")
    assert (to_team.syncable_id, to_team.auto_add) == (lab.id, False)
    await ws.group_syncables.delete(devs.id, lab.id, "Team")
    assert await ws.group_syncables.of_group(devs.id, "Channel") == []
    gone = await ws.group_syncables.get(devs.id, square.id, "Channel")
    for change in (ws.group_syncables.update(gone), ws.group_syncables.delete(devs.id, square.id, "Channel")):
        with pytest.raises(AppFailure) as refused:
            await change
        assert refused.value.id == "app.group.group_syncable_already_deleted"
    with pytest.raises(AppFailure):
        await ws.group_syncables.of_group(devs.id, "Planet")


async def test_a_team_that_groups_manage_has_to_be_linked_before_its_channels(
    ws: Workspace, devs: Group, lab: Team
) -> None:
    await ws.teams.update(replace(lab, group_constrained=True))
    with pytest.raises(AppFailure) as refused:
        await link(ws, devs, await ws.channels.get_by_name(lab.id, "off-topic"))
    assert refused.value.id == "group_not_associated_to_synced_team"


async def test_linked_places_are_filled_once_unless_those_who_left_are_wanted_back(
    ws: Workspace, ada: User, devs: Group, lab: Team
) -> None:
    news = await ws.channels.create(Channel(team_id=lab.id, name="news"))
    await link(ws, devs, news)
    await ws.group_sync.add_members(to_channels=False)
    assert await in_channel(ws, news) == set()
    await ws.group_sync.add_members()
    assert await in_channel(ws, news) == await in_team(ws, lab) == {ada.id}
    await ws.channel_members.remove(news.id, ada.id)
    await ws.group_sync.add_members()
    assert await in_channel(ws, news) == set()
    await ws.group_sync.add_members(re_add=True)
    assert await in_channel(ws, news) == {ada.id}


async def test_only_what_changed_since_then_fills_and_only_where_members_are_added_by_themselves(
    ws: Workspace, ada: User, devs: Group, lab: Team, clock: Clock
) -> None:
    await link(ws, devs, lab, auto_add=False)
    await ws.group_sync.add_members()
    assert await in_team(ws, lab) == set()
    await link(ws, devs, lab)
    await ws.group_sync.add_members(since=clock() + 1)
    assert await in_team(ws, lab) == set()
    await ws.group_sync.add_members(since=clock())
    assert await in_team(ws, lab) == {ada.id}


async def test_one_who_cannot_be_added_does_not_keep_the_others_out(
    ws: Workspace, ada: User, devs: Group, lab: Team
) -> None:
    eve = await ws.users.update(replace(await a_user(ws, "eve"), email="eve@other.org"))
    await ws.group_members.add(devs.id, eve.id)
    await ws.teams.update(replace(lab, allowed_domains="example.com"))
    await link(ws, devs, lab)
    await ws.group_sync.add_members()
    assert await in_team(ws, lab) == {ada.id}


async def test_places_that_groups_manage_lose_strangers_but_no_bots(
    ws: Workspace, ada: User, devs: Group, lab: Team
) -> None:
    bob = await a_user(ws, "bob")
    bot = await ws.users.create(User(username="bot", email="bot@localhost", is_bot=True))
    news = await ws.channels.create(Channel(team_id=lab.id, name="news", type="P"))
    await link(ws, devs, news)
    for user in (ada, bob, bot):
        await ws.team_members.add(lab.id, user.id)
        await ws.channel_members.add(news.id, user.id)
    await ws.group_sync.remove_members()
    assert await in_channel(ws, news) == {ada.id, bob.id, bot.id}
    await ws.channels.update(replace(news, group_constrained=True))
    await ws.group_sync.remove_members()
    assert await in_channel(ws, news) == {ada.id, bot.id}
    assert await in_team(ws, lab) == {ada.id, bob.id, bot.id}


async def test_nobody_adds_strangers_to_a_channel_that_groups_manage_nor_removes_their_members(
    ws: Workspace, ada: User, devs: Group, lab: Team
) -> None:
    bob = await a_user(ws, "bob")
    news = await ws.channels.create(Channel(team_id=lab.id, name="news", group_constrained=True))
    await link(ws, devs, news)
    for user in (ada, bob):
        await ws.team_members.add(lab.id, user.id)
    await ws.channel_members.add(news.id, ada.id)
    with pytest.raises(AppFailure) as refused:
        await ws.channel_members.add(news.id, bob.id)
    assert refused.value.id == "api.channel.add_members.user_denied"
    with pytest.raises(AppFailure) as refused:
        await ws.channel_members.remove(news.id, ada.id, bob.id)
    assert refused.value.id == "api.channel.remove_members.denied"
    await ws.channel_members.remove(news.id, ada.id)
    assert await in_channel(ws, news) == set()
