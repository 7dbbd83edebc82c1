"""Teams: what they must be like, who is in them, and who is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ByteSize

from mattermost_plugin.grpc import hooks_user_channel_pb2 as pb
from mattermost_plugin.models import Post, Team, User
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import is_id, new_id
from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.workspace import Workspace
from support.workspaces import PASSWORD, Clock, FakePlugin, a_user

pytestmark = pytest.mark.anyio


async def a_team(ws: Workspace, name: str = "lab", creator_id: str = "") -> Team:
    return await ws.teams.create(Team(name=name, display_name=name.title()), creator_id)


async def a_guest(ws: Workspace) -> User:
    return await ws.users.create(
        User(username="guest", email="guest@example.com", password=PASSWORD, roles="system_guest")
    )


async def channels_of(ws: Workspace, team: Team, user: User) -> list[str]:
    return [channel.name for channel in await ws.channels.of_user(team.id, user.id)]


async def test_a_team_gets_ids_times_and_two_channels(ws: Workspace, clock: Clock) -> None:
    lab = await a_team(ws)
    assert is_id(lab.id)
    assert is_id(lab.invite_id)
    assert (lab.create_at, lab.update_at, lab.delete_at) == (clock(), clock(), 0)
    channels = await ws.channels.public(lab.id)
    assert [(channel.name, channel.display_name) for channel in channels] == [
        ("off-topic", "Off-Topic"),
        ("town-square", "Town Square"),
    ]


async def test_a_malformed_team_is_refused_by_the_name_of_its_field(ws: Workspace) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"display_name": ""}, "name"),
        ({"display_name": "d" * 65}, "name"),
        ({"name": "n" * 65}, "url"),
        ({"name": "admin-room"}, "reserved"),
        ({"name": "l"}, "characters"),
        ({"name": "Lab"}, "characters"),
        ({"name": "lab-"}, "characters"),
        ({"type": "X"}, "type"),
        ({"email": "nobody"}, "email"),
        ({"description": "d" * 256}, "description"),
        ({"company_name": "c" * 65}, "company"),
        ({"allowed_domains": "d" * 501}, "domains"),
    ]
    for fields, field in cases:
        with pytest.raises(AppFailure) as refused:
            await ws.teams.create(replace(Team(name="lab", display_name="Lab"), **fields))
        assert (refused.value.id, refused.value.status) == (f"model.team.is_valid.{field}.app_error", 400)
    assert await ws.teams.all() == []


async def test_the_name_of_an_archived_team_stays_taken(ws: Workspace) -> None:
    await ws.teams.delete((await a_team(ws)).id)
    with pytest.raises(AppFailure) as refused:
        await a_team(ws)
    assert refused.value.id == "app.team.save.existing.app_error"


async def test_a_team_keeps_its_name_type_and_invitation_when_it_is_updated(ws: Workspace, clock: Clock) -> None:
    lab = await a_team(ws)
    clock.advance(seconds=1)
    wanted = replace(lab, name="other", type="I", invite_id="", description="d", allow_open_invite=True)
    stored = await ws.teams.update(wanted)
    assert stored == replace(lab, description="d", allow_open_invite=True, update_at=clock())
    assert await ws.teams.get(lab.id) == stored
    renewed = await ws.teams.regenerate_invite_id(lab.id)
    assert (await ws.teams.get_by_invite_id(renewed.invite_id)).id == lab.id
    with pytest.raises(AppFailure):
        await ws.teams.get_by_invite_id(lab.invite_id)


async def test_a_team_that_anybody_may_join_is_shown_to_all_without_its_secrets(ws: Workspace) -> None:
    ada = await a_user(ws)
    lab = await a_team(ws, creator_id=ada.id)
    events = ws.events.subscribe(lambda event: event.name == "update_team")
    for everybody in (False, True):
        await ws.teams.update(replace(lab, allow_open_invite=everybody))
        event = await anext(events)
        assert event.broadcast.team_id == ("" if everybody else lab.id)
        assert (event.data["team"].email, event.data["team"].invite_id) == ("", "")


async def test_an_archived_team_is_not_listed_until_it_is_restored(ws: Workspace) -> None:
    ada = await a_user(ws)
    lab = await a_team(ws, creator_id=ada.id)
    await ws.teams.delete(lab.id)
    assert await ws.teams.search("lab") == await ws.teams.of_user(ada.id) == []
    assert [team.id for team in await ws.teams.all()] == [lab.id]
    await ws.teams.restore(lab.id)
    assert [team.id for team in await ws.teams.of_user(ada.id)] == [lab.id]


async def test_who_creates_a_team_is_its_administrator_and_in_its_channels(ws: Workspace) -> None:
    ada = await a_user(ws)
    lab = await a_team(ws, creator_id=ada.id)
    member = await ws.team_members.get(lab.id, ada.id)
    assert member.roles == "team_user team_admin"
    square = await ws.channels.get_by_name(lab.id, "town-square")
    assert (await ws.channel_members.get(square.id, ada.id)).roles == "channel_user channel_admin"


async def test_who_joins_a_team_joins_its_channels_and_plugins_are_told_who_did_it(ws: Workspace) -> None:
    ada, bob, lab = await a_user(ws), await a_user(ws, "bob"), await a_team(ws)
    plugin = FakePlugin(
        {"UserHasJoinedTeam": pb.UserHasJoinedTeamResponse(), "UserHasJoinedChannel": pb.UserHasJoinedChannelResponse()}
    )
    ws.hooks.register("a", plugin)
    events = ws.events.subscribe(lambda event: event.name == "added_to_team")
    for _ in range(2):
        await ws.team_members.add(lab.id, ada.id, bob.id)
    await ws.hooks.settled()
    assert sorted(name for name, _ in plugin.asked) == [
        "UserHasJoinedChannel",
        "UserHasJoinedChannel",
        "UserHasJoinedTeam",
    ]
    assert {request.actor.username for _, request in plugin.asked} == {"bob"}
    assert await channels_of(ws, lab, ada) == ["off-topic", "town-square"]
    event = await anext(events)
    assert (event.data, event.broadcast.user_id) == ({"team_id": lab.id, "user_id": ada.id}, ada.id)
    assert not events.waiting


async def test_who_leaves_a_team_leaves_its_channels_and_may_come_back(ws: Workspace, clock: Clock) -> None:
    ada, lab = await a_user(ws), await a_team(ws)
    plugin = FakePlugin({"UserHasLeftTeam": pb.UserHasLeftTeamResponse()})
    ws.hooks.register("a", plugin)
    await ws.team_members.add(lab.id, ada.id)
    await ws.team_members.set_roles(lab.id, ada.id, "team_user team_admin")
    await ws.team_members.remove(lab.id, ada.id)
    await ws.hooks.settled()
    [(_, request)] = plugin.asked
    assert (request.team_member.user_id, request.HasField("actor")) == (ada.id, False)
    assert (await ws.team_members.get(lab.id, ada.id)).delete_at == clock()
    assert await ws.team_members.of_team(lab.id) == []
    with pytest.raises(AppFailure):
        await ws.channels.of_user(lab.id, ada.id)
    with pytest.raises(AppFailure) as refused:
        await ws.team_members.remove(lab.id, ada.id)
    assert refused.value.id == "api.team.remove_user_from_team.missing.app_error"
    back = await ws.team_members.add(lab.id, ada.id)
    assert (back.delete_at, back.roles) == (0, "team_user")


async def test_a_guest_joins_no_channel_and_never_becomes_a_user(ws: Workspace) -> None:
    guest, lab = await a_guest(ws), await a_team(ws)
    assert (await ws.team_members.add(lab.id, guest.id)).roles == "team_guest"
    with pytest.raises(AppFailure):
        await ws.channels.of_user(lab.id, guest.id)
    for roles, reason in (("team_user", "changing_guest_role"), ("team_guest team_user", "guest_and_user")):
        with pytest.raises(AppFailure) as refused:
            await ws.team_members.set_roles(lab.id, guest.id, roles)
        assert refused.value.id == f"api.team.update_team_member_roles.{reason}.app_error"


async def test_other_roles_of_a_member_have_to_exist_and_stay_beside_the_standard_ones(ws: Workspace) -> None:
    ada, lab = await a_user(ws), await a_team(ws)
    await ws.team_members.add(lab.id, ada.id)
    member = await ws.team_members.set_roles(lab.id, ada.id, "team_user team_post_all")
    assert member.roles == "team_post_all team_user"
    assert await ws.permissions.has_in_team(ada.id, lab.id, "use_group_mentions")
    for roles in ("team_user no_such_role", "team_post_all", ""):
        with pytest.raises(AppFailure):
            await ws.team_members.set_roles(lab.id, ada.id, roles)
    assert await ws.team_members.get(lab.id, ada.id) == member


async def test_several_are_added_all_or_none_unless_gracefully(ws: Workspace) -> None:
    ada, lab = await a_user(ws), await a_team(ws)
    with pytest.raises(AppFailure):
        await ws.team_members.add_all(lab.id, [ada.id, new_id()])
    assert await ws.team_members.of_team(lab.id) == []
    results = await ws.team_members.add_gracefully(lab.id, [new_id(), ada.id])
    assert [result.error is None for result in results] == [False, True]
    assert [member.user_id for member in await ws.team_members.of_team(lab.id)] == [ada.id]


async def test_only_addresses_of_the_teams_domains_are_let_in(ws: Workspace) -> None:
    ada, lab = await a_user(ws), await a_team(ws)
    for domains, allowed in (("@other.org, ample.com", False), ("other.org example.com", True)):
        await ws.teams.update(replace(lab, allowed_domains=domains))
        [result] = await ws.team_members.add_gracefully(lab.id, [ada.id])
        assert (result.member is not None) == allowed
    bot = await ws.users.create(User(username="bot", email="bot@localhost", is_bot=True))
    await ws.teams.update(replace(lab, allowed_domains="other.org"))
    assert (await ws.team_members.add(lab.id, bot.id)).user_id == bot.id


async def test_a_full_team_lets_nobody_in_until_somebody_is_deactivated(ws: Workspace) -> None:
    ada, bob, lab = await a_user(ws), await a_user(ws, "bob"), await a_team(ws)
    await ws.config.save(b'{"TeamSettings": {"MaxUsersPerTeam": 1}}')
    await ws.team_members.add(lab.id, ada.id)
    with pytest.raises(AppFailure) as refused:
        await ws.team_members.add(lab.id, bob.id)
    assert refused.value.id == "app.team.join_user_to_team.max_accounts.app_error"
    await ws.users.set_active(ada.id, False)
    await ws.team_members.add(lab.id, bob.id)
    stats = await ws.teams.stats(lab.id)
    assert (stats.total_member_count, stats.active_member_count) == (2, 1)


class TestLimits:
    @pytest.fixture
    def settings(self, database_url: str) -> WorkspaceSettings:
        return WorkspaceSettings(database_url=database_url, max_file_size=ByteSize(100))

    async def test_an_icon_is_an_image_that_is_not_too_large(self, ws: Workspace) -> None:
        lab, image = await a_team(ws), plain_image("lab")
        assert len(image) > 100
        for data, reason in ((image, "too_large"), (b"text", "decode")):
            with pytest.raises(AppFailure) as refused:
                await ws.team_icons.set(lab.id, data)
            assert refused.value.id == f"api.team.set_team_icon.{reason}.app_error"


async def test_an_icon_says_in_the_team_when_it_changed(ws: Workspace, clock: Clock) -> None:
    lab = await a_team(ws)
    await ws.team_icons.set(lab.id, plain_image("lab"))
    assert (await ws.teams.get(lab.id)).last_team_icon_update == clock()
    await ws.team_icons.remove(lab.id)
    assert (await ws.teams.get(lab.id)).last_team_icon_update == 0


async def test_unread_posts_count_for_a_team_and_those_of_muted_channels_only_as_mentions(
    ws: Workspace, clock: Clock
) -> None:
    ada, bob = await a_user(ws), await a_user(ws, "bob")
    lab = await a_team(ws, creator_id=ada.id)
    await ws.team_members.add(lab.id, bob.id)
    square, off_topic = [await ws.channels.get_by_name(lab.id, name) for name in ("town-square", "off-topic")]
    clock.advance(seconds=1)
    post = Post(user_id=bob.id, channel_id=square.id, create_at=clock())
    await ws.unreads.count_post(post)
    await ws.unreads.count_post(replace(post, root_id=new_id()), [ada.id, bob.id])
    await ws.channel_members.set_notify_props(off_topic.id, ada.id, {"mark_unread": "mention"})
    await ws.unreads.count_post(replace(post, channel_id=off_topic.id), [ada.id], urgent=True)
    [unread] = await ws.unreads.of_teams(ada.id)
    assert (unread.msg_count, unread.msg_count_root) == (2, 1)
    assert (unread.mention_count, unread.mention_count_root) == (2, 1)
    assert [found.msg_count for found in await ws.unreads.of_teams(bob.id)] == [0]
    assert await ws.unreads.view(ada.id, [square.id, off_topic.id, new_id()]) == {
        square.id: clock(),
        off_topic.id: clock(),
    }
    [unread] = await ws.unreads.of_teams(ada.id)
    assert (unread.msg_count, unread.mention_count) == (0, 0)
    assert (await ws.unreads.of_channel(off_topic.id, ada.id)).urgent_mention_count == 0
    assert (await ws.channels.get(square.id)).total_msg_count_root == 1
