"""Teams as the SDK's client sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError, ValidationError
from mattermost_plugin.models import Team
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_user

pytestmark = pytest.mark.anyio


async def create(api: AsyncPluginAPIClient, name: str = "lab") -> Team:
    return await api.create_team(Team(name=name, display_name=name.title(), type="O"))


async def test_a_team_is_created_changed_found_and_archived(api: AsyncPluginAPIClient) -> None:
    lab = await create(api)
    changed = await api.update_team(replace(lab, display_name="Laboratory"))
    assert changed == await api.get_team(lab.id) == await api.get_team_by_name("lab")
    assert await api.get_teams() == await api.search_teams("labor") == [changed]
    await api.delete_team(lab.id)
    assert await api.search_teams("lab") == []
    assert (await api.get_team(lab.id)).delete_at
    with pytest.raises(ValidationError):
        await create(api)
    with pytest.raises(NotFoundError):
        await api.get_team_by_name("office")


async def test_users_come_into_a_team_and_leave_it(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    ada, bob, eve = [(await a_user(ws, name)).id for name in ("ada", "bob", "eve")]
    lab = await create(api)
    member = await api.create_team_member(lab.id, ada)
    assert member == await api.get_team_member(lab.id, ada)
    assert [found.user_id for found in await api.create_team_members(lab.id, [bob], ada)] == [bob]
    results = await api.create_team_members_gracefully(lab.id, [eve, "nobody"])
    assert results[0].member is not None
    assert results[0].member.user_id == eve
    assert results[1].error is not None
    assert results[1].error.id == "app.user.missing_account.const"
    assert {found.user_id for found in await api.get_team_members(lab.id)} == {ada, bob, eve}
    assert [found.team_id for found in await api.get_team_members_for_user(eve)] == [lab.id]
    await api.delete_team_member(lab.id, eve, ada)
    assert await api.get_teams_for_user(eve) == []
    assert [team.id for team in await api.get_teams_for_user(ada)] == [lab.id]
    stats = await api.get_team_stats(lab.id)
    assert (stats.total_member_count, stats.active_member_count) == (2, 2)


async def test_a_member_becomes_administrator(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    ada, lab = (await a_user(ws)).id, await create(api)
    await api.create_team_member(lab.id, ada)
    assert not await api.has_permission_to_team(ada, lab.id, "manage_team")
    member = await api.update_team_member_roles(lab.id, ada, "team_user team_admin")
    assert (member.roles, member.scheme_admin) == ("team_user team_admin", True)
    assert await api.has_permission_to_team(ada, lab.id, "manage_team")


async def test_a_team_has_an_icon_until_it_is_removed(api: AsyncPluginAPIClient) -> None:
    lab, image = await create(api), plain_image("lab")
    await api.set_team_icon(lab.id, image)
    assert await api.get_team_icon(lab.id) == image
    await api.remove_team_icon(lab.id)
    with pytest.raises(NotFoundError):
        await api.get_team_icon(lab.id)


async def test_what_is_unread_is_told_by_team(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    ada, lab = (await a_user(ws)).id, await create(api)
    await api.create_team_member(lab.id, ada)
    assert [(unread.team_id, unread.msg_count) for unread in await api.get_teams_unread_for_user(ada)] == [(lab.id, 0)]
