"""Users, sessions and permissions as the SDK's client sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError, ValidationError
from mattermost_plugin.models import CustomStatus, Session, User, UserAccessToken, UserAuth, ViewUsersRestrictions
from servehttp.workspace.workspace import Workspace
from support.workspaces import PASSWORD, a_user

pytestmark = pytest.mark.anyio


async def create(api: AsyncPluginAPIClient, name: str) -> User:
    return await api.create_user(User(username=name, email=f"{name}@example.com", password=PASSWORD))


async def test_an_account_is_created_changed_and_found(api: AsyncPluginAPIClient) -> None:
    ada = await create(api, "ada")
    assert await api.update_user(replace(ada, nickname="Countess")) == await api.get_user(ada.id)
    assert (await api.get_user_by_username("ADA")).nickname == "Countess"
    assert (await api.get_user_by_email("Ada@Example.com")).id == ada.id
    assert await api.get_users_by_ids([ada.id, "nobody"]) == await api.get_users_by_usernames(["ada", "nobody"])
    assert [user.id for user in await api.search_users("count")] == [ada.id]
    with pytest.raises(ValidationError):
        await create(api, "ada")


async def test_a_deleted_user_is_inactive_until_taken_back(api: AsyncPluginAPIClient) -> None:
    ada, bob = await create(api, "ada"), await create(api, "bob")
    await api.delete_user(ada.id)
    assert [user.id for user in await api.get_users(inactive=True)] == [ada.id]
    assert [user.id for user in await api.get_users(active=True)] == [bob.id]
    await api.update_user_active(ada.id, True)
    assert [user.username for user in await api.get_users(page=1, per_page=1)] == ["bob"]


async def test_teams_and_channels_without_members_list_nobody(api: AsyncPluginAPIClient) -> None:
    await create(api, "ada")
    assert await api.get_users_in_team("t" * 26) == []
    assert await api.get_users_in_channel("c" * 26, sort_by="status") == []
    assert await api.get_users(view_restrictions=ViewUsersRestrictions()) == []


async def test_statuses_are_set_and_read(api: AsyncPluginAPIClient) -> None:
    ada = await create(api, "ada")
    with pytest.raises(NotFoundError):
        await api.get_user_status(ada.id)
    await api.update_user_status(ada.id, "away")
    assert (await api.get_user_status(ada.id)).status == "away"
    assert (await api.set_user_status_timed_dnd(ada.id, 1_800_000_059)).dnd_end_time == 1_800_000_000
    assert [status.status for status in await api.get_user_statuses_by_ids([ada.id, "nobody"])] == ["dnd"]
    await api.update_user_custom_status(ada.id, CustomStatus(emoji="tea", text="resting"))
    assert "resting" in (await api.get_user(ada.id)).props["customStatus"]
    await api.remove_user_custom_status(ada.id)
    assert (await api.get_user(ada.id)).props["customStatus"] == ""


async def test_profile_images_are_replaced(api: AsyncPluginAPIClient) -> None:
    ada = await create(api, "ada")
    made = await api.get_profile_image(ada.id)
    assert made.startswith(b"\x89PNG")
    await api.set_profile_image(ada.id, b"GIF89a...")
    assert await api.get_profile_image(ada.id) == b"GIF89a..."


async def test_roles_decide_what_a_user_may_do(api: AsyncPluginAPIClient) -> None:
    ada = await create(api, "ada")
    assert not await api.has_permission_to(ada.id, "manage_system")
    assert (await api.update_user_roles(ada.id, "system_user system_admin")).roles == "system_user system_admin"
    assert await api.has_permission_to(ada.id, "manage_system")
    assert await api.has_permission_to_team(ada.id, "t" * 26, "manage_team")
    assert await api.has_permission_to_channel(ada.id, "c" * 26, "create_post")
    assert await api.roles_grant_permission(["channel_user"], "create_post")


async def test_the_way_to_log_in_is_moved(api: AsyncPluginAPIClient) -> None:
    ada = await create(api, "ada")
    assert await api.update_user_auth(ada.id, UserAuth("key", "gitlab")) == UserAuth("key", "gitlab")
    assert (await api.get_user(ada.id)).auth_service == "gitlab"


async def test_sessions_are_opened_prolonged_and_ended(api: AsyncPluginAPIClient) -> None:
    ada = await create(api, "ada")
    session = await api.create_session(Session(user_id=ada.id))
    await api.extend_session_expiry(session.id, 2_000_000_000_000)
    found = await api.get_session(session.id)
    assert (found.token, found.expires_at) == (session.token, 2_000_000_000_000)
    await api.revoke_session(session.id)
    with pytest.raises(NotFoundError):
        await api.get_session(session.id)


async def test_an_access_token_logs_in_until_it_is_revoked(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    ada = await create(api, "ada")
    token = await api.create_user_access_token(UserAccessToken(user_id=ada.id, description="for tests"))
    assert (await ws.sessions.authenticate(token.token)).user_id == ada.id
    await api.revoke_user_access_token(token.id)
    with pytest.raises(NotFoundError):
        await api.revoke_user_access_token(token.id)


async def test_typing_is_told_to_the_others_in_the_channel(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    events = ws.events.subscribe(lambda event: event.name == "typing")
    ada = await a_user(ws)
    await api.publish_user_typing(ada.id, "c" * 26, "")
    event = await anext(events)
    assert (event.broadcast.channel_id, event.broadcast.omit_users) == ("c" * 26, [ada.id])
