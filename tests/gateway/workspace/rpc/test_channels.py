"""Channels and their members as the SDK's client sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError, ValidationError
from mattermost_plugin.models import Channel, Team, User
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def team(api: AsyncPluginAPIClient) -> Team:
    return await api.create_team(Team(name="lab", display_name="Lab", type="O"))


@pytest.fixture
async def ada(api: AsyncPluginAPIClient, ws: Workspace, team: Team) -> User:
    """A member of the team."""
    user = await a_user(ws)
    await api.create_team_member(team.id, user.id)
    return user


async def create(api: AsyncPluginAPIClient, team: Team, name: str = "news") -> Channel:
    return await api.create_channel(Channel(team_id=team.id, name=name, display_name=name.title(), type="O"))


async def test_a_channel_is_created_changed_found_and_archived(api: AsyncPluginAPIClient, team: Team) -> None:
    news = await api.update_channel(replace(await create(api, team), purpose="Gossip"))
    assert news == await api.get_channel(news.id) == await api.get_channel_by_name(team.id, "news")
    assert news == await api.get_channel_by_name_for_team_name("lab", "news")
    assert await api.search_channels(team.id, "goss") == [news]
    names = [channel.name for channel in await api.get_public_channels_for_team(team.id)]
    assert names == ["news", "off-topic", "town-square"]
    await api.delete_channel(news.id)
    with pytest.raises(NotFoundError):
        await api.get_channel_by_name(team.id, "news")
    assert (await api.get_channel_by_name(team.id, "news", include_deleted=True)).delete_at
    with pytest.raises(ValidationError):
        await create(api, team)


async def test_direct_and_group_channels_are_made_once(api: AsyncPluginAPIClient, ws: Workspace, ada: User) -> None:
    bob, eve = await a_user(ws, "bob"), await a_user(ws, "eve")
    direct = await api.get_direct_channel(ada.id, bob.id)
    assert direct == await api.get_direct_channel(bob.id, ada.id)
    group = await api.get_group_channel([ada.id, bob.id, eve.id])
    assert group == await api.get_group_channel([eve.id, ada.id, bob.id])
    assert (direct.type, group.type) == ("D", "G")


async def test_users_come_into_a_channel_and_leave_it(
    api: AsyncPluginAPIClient, ws: Workspace, team: Team, ada: User
) -> None:
    bob = await a_user(ws, "bob")
    await api.create_team_member(team.id, bob.id)
    news = await create(api, team)
    member = await api.add_channel_member(news.id, ada.id)
    assert member == await api.get_channel_member(news.id, ada.id)
    assert (await api.add_user_to_channel(news.id, bob.id, ada.id)).user_id == bob.id
    assert {found.user_id for found in await api.get_channel_members(news.id)} == {ada.id, bob.id}
    assert [found.user_id for found in await api.get_channel_members_by_ids(news.id, [bob.id, "x"])] == [bob.id]
    stats = await api.get_channel_stats(news.id)
    assert (stats.member_count, stats.guest_count, stats.pinnedpost_count, stats.files_count) == (2, 0, 0, 0)
    assert len(await api.get_channel_members_for_user(team.id, ada.id)) == 3
    await api.delete_channel_member(news.id, ada.id)
    with pytest.raises(NotFoundError):
        await api.get_channel_member(news.id, ada.id)
    names = [channel.name for channel in await api.get_channels_for_team_for_user(team.id, ada.id)]
    assert names == ["off-topic", "town-square"]


async def test_roles_and_notifications_of_a_member_change(api: AsyncPluginAPIClient, team: Team, ada: User) -> None:
    news = await create(api, team)
    await api.add_channel_member(news.id, ada.id)
    member = await api.update_channel_member_roles(news.id, ada.id, "channel_user channel_admin")
    assert (member.roles, member.scheme_admin) == ("channel_user channel_admin", True)
    member = await api.update_channel_member_notifications(news.id, ada.id, {"desktop": "none", "colour": "red"})
    assert (member.notify_props["desktop"], "colour" in member.notify_props) == ("none", False)
    await api.patch_channel_members_notifications([(news.id, ada.id)], {"push": "all"})
    props = (await api.get_channel_member(news.id, ada.id)).notify_props
    assert (props["desktop"], props["push"], props["mark_unread"]) == ("none", "all", "all")
