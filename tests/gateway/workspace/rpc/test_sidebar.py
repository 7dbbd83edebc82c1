"""Sidebars as the SDK's client sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin import AsyncPluginAPIClient
from mattermost_plugin.models import SidebarCategoryWithChannels, Team
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_user

pytestmark = pytest.mark.anyio


async def test_channels_are_sorted_into_categories(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    ada, lab = (await a_user(ws)).id, await api.create_team(Team(name="lab", display_name="Lab"))
    await api.create_team_member(lab.id, ada)
    square = await api.get_channel_by_name(lab.id, "town-square")
    work = SidebarCategoryWithChannels(display_name="Work", channel_ids=[square.id])
    made = await api.create_channel_sidebar_category(ada, lab.id, work)
    assert (made.type, made.channel_ids) == ("custom", [square.id])
    shown = await api.get_channel_sidebar_categories(ada, lab.id)
    assert [category.display_name for category in shown.categories] == [
        "Favorites",
        "Work",
        "Channels",
        "Direct Messages",
    ]
    assert shown.order == [category.id for category in shown.categories]
    changed = await api.update_channel_sidebar_categories(ada, lab.id, [replace(made, display_name="Play")])
    assert [category.display_name for category in changed] == ["Play"]
