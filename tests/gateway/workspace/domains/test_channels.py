"""Channels: what they must be like, who is in them, and who is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mattermost_plugin.grpc import hooks_user_channel_pb2 as pb
from mattermost_plugin.models import Channel, Post, Team, User
from servehttp.workspace.domains.places.channel_rules import direct_name
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import is_id, new_id
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, FakePlugin, a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def lab(ws: Workspace, ada: User) -> Team:
    """A team that Ada is in."""
    return await ws.teams.create(Team(name="lab", display_name="Lab"), creator_id=ada.id)


@pytest.fixture
async def news(ws: Workspace, lab: Team) -> Channel:
    return await ws.channels.create(Channel(team_id=lab.id, name="news", display_name="News"))


async def a_member(ws: Workspace, lab: Team, username: str) -> User:
    user = await a_user(ws, username)
    await ws.team_members.add(lab.id, user.id)
    return user


async def test_a_channel_gets_an_id_times_and_a_name_if_it_has_none(ws: Workspace, lab: Team, clock: Clock) -> None:
    plugin = FakePlugin({"ChannelHasBeenCreated": pb.ChannelHasBeenCreatedResponse()})
    ws.hooks.register("a", plugin)
    channel = await ws.channels.create(Channel(team_id=lab.id, display_name=" News ", type="P", delete_at=1))
    assert is_id(channel.id)
    assert is_id(channel.name)
    assert (channel.display_name, channel.create_at, channel.delete_at) == ("News", clock(), 0)
    await ws.hooks.settled()
    assert [request.channel.id for _, request in plugin.asked] == [channel.id]


async def test_a_malformed_channel_is_refused_by_the_name_of_its_field(ws: Workspace, lab: Team) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"display_name": "d" * 65}, "display_name"),
        ({"header": "h" * 1025}, "header"),
        ({"purpose": "p" * 251}, "purpose"),
        ({"type": "X"}, "type"),
        ({"name": "n" * 65}, "name"),
        ({"name": f"{new_id()}__{new_id()}"}, "name"),
        ({"name": "a" * 40}, "name"),
        ({"name": "The News"}, "1_or_more"),
    ]
    for fields, field in cases:
        with pytest.raises(AppFailure) as refused:
            await ws.channels.create(replace(Channel(team_id=lab.id, name="news"), **fields))
        assert (refused.value.id, refused.value.status) == (f"model.channel.is_valid.{field}.app_error", 400)
    for kind in ("D", "G"):
        with pytest.raises(AppFailure) as refused:
            await ws.channels.create(Channel(team_id=lab.id, type=kind))
        assert refused.value.id == "store.sql_channel.save.direct_channel.app_error"


async def test_a_name_is_taken_once_in_a_team_even_by_an_archived_channel(
    ws: Workspace, lab: Team, news: Channel
) -> None:
    other = await ws.teams.create(Team(name="other", display_name="Other"))
    assert (await ws.channels.create(replace(news, team_id=other.id))).id != news.id
    await ws.channels.delete(news.id)
    with pytest.raises(AppFailure) as refused:
        await ws.channels.create(news)
    assert refused.value.id == "store.sql_channel.save_channel.exists.app_error"
    with pytest.raises(AppFailure) as refused:
        square = await ws.channels.get_by_name(lab.id, "town-square")
        await ws.channels.update(replace(square, name="news"))
    assert refused.value.id == "app.channel.update.bad_id"


async def test_an_update_leaves_team_creator_times_and_counts_alone(ws: Workspace, news: Channel, clock: Clock) -> None:
    clock.advance(seconds=1)
    wanted = replace(news, header="Today", team_id=new_id(), creator_id=new_id(), total_msg_count=9, delete_at=9)
    events = ws.events.subscribe(lambda event: event.name == "channel_updated")
    stored = await ws.channels.update(wanted)
    assert stored == replace(news, header="Today", update_at=clock()) == await ws.channels.get(news.id)
    assert (await anext(events)).broadcast.channel_id == news.id


async def test_an_archived_channel_is_not_listed_until_it_is_restored(
    ws: Workspace, lab: Team, ada: User, news: Channel
) -> None:
    await ws.channel_members.add(news.id, ada.id)
    await ws.channels.delete(news.id)
    listed = await ws.channels.of_user(lab.id, ada.id) + await ws.channels.public(lab.id)
    assert news.id not in {channel.id for channel in listed}
    assert await ws.channels.search(lab.id, "news") == []
    assert news.id in {channel.id for channel in await ws.channels.of_user(lab.id, ada.id, include_deleted=True)}
    with pytest.raises(AppFailure) as refused:
        await ws.channels.delete(news.id)
    assert refused.value.id == "api.channel.delete_channel.deleted.app_error"
    await ws.channels.restore(news.id)
    assert [channel.id for channel in await ws.channels.search(lab.id, "NEW")] == [news.id]


async def test_the_town_square_is_not_archived_and_left_only_by_guests(ws: Workspace, lab: Team, ada: User) -> None:
    square = await ws.channels.get_by_name(lab.id, "town-square")
    with pytest.raises(AppFailure) as refused:
        await ws.channels.delete(square.id)
    assert refused.value.id == "api.channel.delete_channel.cannot.app_error"
    with pytest.raises(AppFailure) as refused:
        await ws.channel_members.remove(square.id, ada.id)
    assert refused.value.id == "api.channel.leave.default.app_error"


async def test_private_channels_are_neither_listed_nor_found(ws: Workspace, lab: Team) -> None:
    await ws.channels.create(Channel(team_id=lab.id, name="secret", type="P"))
    assert "secret" not in {channel.name for channel in await ws.channels.public(lab.id)}
    assert await ws.channels.search(lab.id, "secret") == []


async def test_who_creates_a_channel_and_joins_it_is_its_administrator(ws: Workspace, lab: Team, ada: User) -> None:
    made = await ws.channels.create(Channel(team_id=lab.id, name="own", creator_id=ada.id), join=True)
    assert (await ws.channel_members.get(made.id, ada.id)).roles == "channel_user channel_admin"


async def test_a_direct_channel_is_named_after_its_users_in_order(ws: Workspace, ada: User) -> None:
    bob = await a_user(ws, "bob")
    direct = await ws.direct_channels.direct(ada.id, bob.id)
    assert (direct.name, direct.team_id) == ("__".join(sorted([ada.id, bob.id])), "")
    assert {member.user_id for member in await ws.channel_members.of_channel(direct.id)} == {ada.id, bob.id}
    alone = await ws.direct_channels.direct(ada.id, ada.id)
    assert alone.name == f"{ada.id}__{ada.id}"
    assert len(await ws.channel_members.of_channel(alone.id)) == 1
    with pytest.raises(AppFailure) as refused:
        await ws.direct_channels.direct(ada.id, new_id())
    assert refused.value.id == "api.channel.create_direct_channel.invalid_user.app_error"


async def test_a_group_channel_has_three_to_eight_users_and_shows_their_names(ws: Workspace, ada: User) -> None:
    bob, eve = await a_user(ws, "bob"), await a_user(ws, "eve")
    group = await ws.direct_channels.group([eve.id, ada.id, bob.id])
    assert (group.display_name, len(group.name)) == ("ada, bob, eve", 40)
    sizes = ([ada.id, bob.id, bob.id], [new_id() for _ in range(9)])
    for user_ids in sizes:
        with pytest.raises(AppFailure) as refused:
            await ws.direct_channels.group(user_ids)
        assert refused.value.id == "api.channel.create_group.bad_size.app_error"
    with pytest.raises(AppFailure) as refused:
        await ws.direct_channels.group([ada.id, bob.id, new_id()])
    assert refused.value.id == "api.channel.create_group.bad_user.app_error"


async def test_the_members_of_a_direct_channel_stay_the_same(ws: Workspace, ada: User) -> None:
    bob = await a_user(ws, "bob")
    direct = await ws.direct_channels.direct(ada.id, ada.id)
    with pytest.raises(AppFailure) as refused:
        await ws.channel_members.add(direct.id, bob.id)
    assert refused.value.id == "api.channel.add_user_to_channel.type.app_error"
    with pytest.raises(AppFailure) as refused:
        await ws.channel_members.remove(direct.id, ada.id)
    assert refused.value.id == "api.channel.leave.direct.app_error"


async def test_names_by_which_channels_are_found_stay(ws: Workspace, lab: Team, ada: User) -> None:
    bob, eve = await a_user(ws, "bob"), await a_user(ws, "eve")
    square = await ws.channels.get_by_name(lab.id, "town-square")
    group = await ws.direct_channels.group([ada.id, bob.id, eve.id])
    for channel in (square, group, await ws.direct_channels.direct(ada.id, bob.id)):
        for name in ("news", direct_name(bob.id, eve.id)):
            with pytest.raises(AppFailure) as refused:
                await ws.channels.update(replace(channel, name=name))
            assert refused.value.status == 400
        assert (await ws.channels.update(replace(channel, header="Hello"))).name == channel.name


async def test_plugins_are_told_who_came_and_went_and_by_whom(
    ws: Workspace, lab: Team, ada: User, news: Channel
) -> None:
    bob = await a_member(ws, lab, "bob")
    plugin = FakePlugin(
        {
            "UserHasJoinedChannel": pb.UserHasJoinedChannelResponse(),
            "UserHasLeftChannel": pb.UserHasLeftChannelResponse(),
        }
    )
    ws.hooks.register("a", plugin)
    events = ws.events.subscribe(lambda event: event.name in ("user_added", "user_removed"))
    await ws.channel_members.add(news.id, ada.id)
    await ws.channel_members.add(news.id, bob.id, ada.id)
    await ws.channel_members.add(news.id, bob.id, ada.id)
    await ws.channel_members.remove(news.id, bob.id, ada.id)
    await ws.channel_members.remove(news.id, ada.id)
    await ws.hooks.settled()
    told = [(name, request.channel_member.user_id, request.actor.id) for name, request in plugin.asked]
    assert sorted(told) == sorted(
        [
            ("UserHasJoinedChannel", ada.id, ""),
            ("UserHasJoinedChannel", bob.id, ada.id),
            ("UserHasLeftChannel", bob.id, ada.id),
            ("UserHasLeftChannel", ada.id, ada.id),
        ]
    )
    seen = [await anext(events) for _ in range(events.waiting)]
    assert [event.name for event in seen] == ["user_added"] * 2 + ["user_removed"] * 4


async def test_only_active_members_of_the_team_join_and_only_channels_that_are_not_archived(
    ws: Workspace, lab: Team, ada: User, news: Channel
) -> None:
    stranger, gone = await a_user(ws, "stranger"), await a_member(ws, lab, "gone")
    await ws.team_members.remove(lab.id, gone.id)
    sleeper = await a_member(ws, lab, "sleeper")
    await ws.users.set_active(sleeper.id, False)
    cases = [
        (stranger, "app.team.get_member.missing.app_error", 404),
        (gone, "api.channel.add_user.to.channel.failed.deleted.app_error", 400),
        (sleeper, "app.channel.add_member.deleted_user.app_error", 403),
    ]
    for user, failure, status in cases:
        with pytest.raises(AppFailure) as refused:
            await ws.channel_members.add(news.id, user.id)
        assert (refused.value.id, refused.value.status) == (failure, status)
    await ws.channels.delete(news.id)
    with pytest.raises(AppFailure) as refused:
        await ws.channel_members.add(news.id, ada.id)
    assert refused.value.id == "api.channel.add_user_to_channel.deleted.app_error"


async def test_the_last_one_in_a_private_channel_stays(ws: Workspace, lab: Team, ada: User) -> None:
    secret = await ws.channels.create(Channel(team_id=lab.id, name="secret", type="P"))
    await ws.channel_members.add(secret.id, ada.id)
    with pytest.raises(AppFailure) as refused:
        await ws.channel_members.remove(secret.id, ada.id)
    assert refused.value.id == "api.channel.leave.last_member.app_error"


async def test_a_new_member_has_default_notifications_and_has_read_everything(
    ws: Workspace, lab: Team, ada: User, news: Channel, clock: Clock
) -> None:
    await ws.unreads.count_post(Post(user_id=new_id(), channel_id=news.id, create_at=clock()))
    member = await ws.channel_members.add(news.id, ada.id)
    assert (member.roles, member.notify_props["mark_unread"]) == ("channel_user", "all")
    assert (await ws.unreads.of_channel(news.id, ada.id)).msg_count == 0


async def test_a_notification_that_cannot_be_is_refused_for_all(
    ws: Workspace, lab: Team, ada: User, news: Channel
) -> None:
    await ws.channel_members.add(news.id, ada.id)
    cases = [
        ({"desktop": "loud"}, "notify_level"),
        ({"push": "loud"}, "push_level"),
        ({"mark_unread": "none"}, "unread_level"),
        ({"email": "maybe"}, "email_value"),
    ]
    for props, field in cases:
        with pytest.raises(AppFailure) as refused:
            await ws.channel_members.set_notify_props(news.id, ada.id, props)
        assert refused.value.id == f"model.channel_member.is_valid.{field}.app_error"
    with pytest.raises(AppFailure):
        await ws.channel_members.patch_notify_props([(news.id, ada.id), (news.id, new_id())], {"push": "all"})
    assert (await ws.channel_members.get(news.id, ada.id)).notify_props["push"] == "default"
    with pytest.raises(AppFailure) as refused:
        await ws.channel_members.patch_notify_props([(news.id, ada.id)] * 201, {})
    assert refused.value.id == "app.channel.patch_channel_members_notify_props.too_many"


async def test_members_are_listed_by_pages_and_by_team(ws: Workspace, lab: Team, ada: User, news: Channel) -> None:
    bob = await a_member(ws, lab, "bob")
    for user in (ada, bob):
        await ws.channel_members.add(news.id, user.id)
    pages = [await ws.channel_members.of_channel(news.id, page, 1) for page in range(3)]
    assert {member.user_id for page in pages for member in page} == {ada.id, bob.id}
    assert [len(page) for page in pages] == [1, 1, 0]
    assert len(await ws.channel_members.of_user_in_team(lab.id, ada.id)) == 3
    assert await ws.channel_members.of_user_in_team(new_id(), ada.id) == []


async def test_stats_count_active_members_and_guests(ws: Workspace, lab: Team, ada: User, news: Channel) -> None:
    bob = await a_member(ws, lab, "bob")
    for user in (ada, bob):
        await ws.channel_members.add(news.id, user.id)
    await ws.users.set_active(bob.id, False)
    stats = await ws.unreads.stats(news.id)
    assert (stats.member_count, stats.guest_count) == (1, 0)


async def test_a_team_has_no_more_channels_than_it_may(ws: Workspace, lab: Team, news: Channel) -> None:
    await ws.config.save(b'{"TeamSettings": {"MaxChannelsPerTeam": 3}}')
    with pytest.raises(AppFailure) as refused:
        await ws.channels.create(Channel(team_id=lab.id, name="fourth"))
    assert refused.value.id == "store.sql_channel.save_channel.limit.app_error"
    await ws.channels.delete(news.id)
    assert (await ws.channels.create(Channel(team_id=lab.id, name="fourth"))).name == "fourth"
