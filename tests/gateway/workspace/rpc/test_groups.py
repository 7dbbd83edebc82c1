"""Groups as the SDK's client sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError, ValidationError
from mattermost_plugin.models import Group, GroupSearchOpts, GroupSyncable, Team
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_user

pytestmark = pytest.mark.anyio

DEVS = Group(name="devs", display_name="Developers", source="plugin_me", remote_id="r1", allow_reference=True)


async def test_a_group_is_created_changed_found_and_archived(api: AsyncPluginAPIClient) -> None:
    devs = await api.create_group(DEVS)
    changed = await api.update_group(replace(devs, description="They write code"))
    assert changed == await api.get_group(devs.id) == await api.get_group_by_name("devs")
    assert changed == await api.get_group_by_remote_id("r1", "plugin_me")
    assert await api.get_groups() == await api.get_groups_by_source("plugin_me") == [changed]
    assert await api.get_groups(opts=GroupSearchOpts(q="nobody")) == []
    archived = await api.delete_group(devs.id)
    assert archived.delete_at
    assert await api.get_groups() == []
    assert await api.get_groups(opts=GroupSearchOpts(filter_archived=True)) == [archived]
    assert (await api.restore_group(devs.id)).delete_at == 0
    with pytest.raises(NotFoundError):
        await api.restore_group(devs.id)
    with pytest.raises(ValidationError):
        await api.create_group(DEVS)


async def test_users_come_into_a_group_and_leave_it(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    ada, bob, devs = (await a_user(ws)).id, (await a_user(ws, "bob")).id, await api.create_group(DEVS)
    assert (await api.upsert_group_member(devs.id, ada)).user_id == ada
    assert [member.user_id for member in await api.upsert_group_members(devs.id, [bob, ada])] == [bob, ada]
    assert [user.username for user in await api.get_group_member_users(devs.id)] == ["ada", "bob"]
    assert (await api.delete_group_member(devs.id, bob)).delete_at
    assert await api.get_groups_for_user(bob) == []
    assert await api.get_groups_for_user(ada) == [devs]


async def test_a_linked_team_is_filled_and_emptied(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    ada, bob, devs = (await a_user(ws)).id, (await a_user(ws, "bob")).id, await api.create_group(DEVS)
    lab = await api.create_team(Team(name="lab", display_name="Lab"))
    await api.upsert_group_member(devs.id, ada)
    link = await api.upsert_group_syncable(
        GroupSyncable(group_id=devs.id, syncable_id=lab.id, syncable_type="Team", auto_add=True)
    )
    assert link == await api.get_group_syncable(devs.id, lab.id, "Team")
    assert [link] == await api.get_group_syncables(devs.id, "Team")
    assert (await api.update_group_syncable(replace(link, scheme_admin=True))).scheme_admin
    await api.create_team_member(lab.id, bob)
    await api.create_default_syncable_memberships()
    assert {member.user_id for member in await api.get_team_members(lab.id)} == {ada, bob}
    await api.update_team(replace(lab, group_constrained=True))
    await api.delete_group_constrained_memberships()
    assert [member.user_id for member in await api.get_team_members(lab.id)] == [ada]
    assert (await api.delete_group_syncable(devs.id, lab.id, "Team")).delete_at
    assert await api.get_group_syncables(devs.id, "Team") == []
