"""Sidebars: which channel is where, what favourites and muted categories mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin.models import Preference, SidebarCategoryWithChannels, Team, User
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def lab(ws: Workspace, ada: User) -> Team:
    """A team that Ada is in."""
    return await ws.teams.create(Team(name="lab", display_name="Lab"), creator_id=ada.id)


async def named(ws: Workspace, user: User, team: Team) -> dict[str, SidebarCategoryWithChannels]:
    return {one.display_name: one for one in (await ws.sidebar.get(user.id, team.id)).categories}


async def channel_id(ws: Workspace, team: Team, name: str) -> str:
    return (await ws.channels.get_by_name(team.id, name)).id


async def test_a_new_sidebar_has_three_categories_with_what_belongs_in_each(
    ws: Workspace, ada: User, lab: Team
) -> None:
    direct = await ws.direct_channels.direct(ada.id, (await a_user(ws, "bob")).id)
    shown = (await ws.sidebar.get(ada.id, lab.id)).categories
    assert [one.id for one in shown] == [
        f"{kind}_{ada.id}_{lab.id}" for kind in ("favorites", "channels", "direct_messages")
    ]
    off_topic, square = [await channel_id(ws, lab, name) for name in ("off-topic", "town-square")]
    assert [one.channel_ids for one in shown] == [[], [off_topic, square], [direct.id]]


async def test_a_channel_is_in_one_category_and_goes_back_when_that_is_deleted(
    ws: Workspace, ada: User, lab: Team
) -> None:
    square = await channel_id(ws, lab, "town-square")
    work = await ws.sidebar.create(
        ada.id, lab.id, SidebarCategoryWithChannels(display_name="Work", channel_ids=[square])
    )
    play = await ws.sidebar.create(
        ada.id, lab.id, SidebarCategoryWithChannels(display_name="Play", channel_ids=[square])
    )
    shown = await named(ws, ada, lab)
    assert (shown["Work"].channel_ids, shown["Play"].channel_ids) == ([], [square])
    assert square not in shown["Channels"].channel_ids
    await ws.sidebar.delete(ada.id, lab.id, play.id)
    assert square in (await named(ws, ada, lab))["Channels"].channel_ids
    with pytest.raises(AppFailure):
        await ws.sidebar.delete(ada.id, lab.id, shown["Channels"].id)
    order = [shown["Channels"].id, work.id, shown["Favorites"].id, shown["Direct Messages"].id]
    await ws.sidebar.set_order(ada.id, lab.id, order)
    assert (await ws.sidebar.get(ada.id, lab.id)).order == order


async def test_favourites_and_preferences_say_the_same(ws: Workspace, ada: User, lab: Team) -> None:
    square = await channel_id(ws, lab, "town-square")
    chosen = Preference(user_id=ada.id, category="favorite_channel", name=square, value="true")
    await ws.preferences.update(ada.id, [chosen])
    favourites = (await named(ws, ada, lab))["Favorites"]
    assert favourites.channel_ids == [square]
    await ws.sidebar.update(ada.id, lab.id, [replace(favourites, channel_ids=[])])
    assert await ws.preferences.of_user(ada.id) == []
    await ws.sidebar.update(ada.id, lab.id, [favourites])
    assert await ws.preferences.of_user(ada.id) == [chosen]
    await ws.preferences.delete(ada.id, [chosen])
    assert (await named(ws, ada, lab))["Favorites"].channel_ids == []


async def test_a_muted_category_mutes_its_channels_until_they_leave_it(ws: Workspace, ada: User, lab: Team) -> None:
    square = await channel_id(ws, lab, "town-square")

    async def mark_unread() -> str:
        return (await ws.channel_members.get(square, ada.id)).notify_props["mark_unread"]

    noise = SidebarCategoryWithChannels(display_name="Noise", channel_ids=[square], muted=True)
    made = await ws.sidebar.create(ada.id, lab.id, noise)
    assert await mark_unread() == "mention"
    await ws.sidebar.update(ada.id, lab.id, [replace(made, channel_ids=[])])
    assert await mark_unread() == "all"


async def test_the_categories_all_sidebars_have_keep_their_names_and_direct_messages_are_not_muted(
    ws: Workspace, ada: User, lab: Team
) -> None:
    direct = (await named(ws, ada, lab))["Direct Messages"]
    wanted = replace(direct, display_name="Friends", muted=True, collapsed=True)
    [stored] = await ws.sidebar.update(ada.id, lab.id, [wanted])
    assert (stored.display_name, stored.muted, stored.collapsed) == ("Direct Messages", False, True)
    for nameless in ("", "n" * 65):
        with pytest.raises(AppFailure):
            await ws.sidebar.create(ada.id, lab.id, SidebarCategoryWithChannels(display_name=nameless))
