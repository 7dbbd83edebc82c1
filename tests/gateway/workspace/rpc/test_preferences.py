"""Preferences as the SDK's client sees them."""

from __future__ import annotations

import pytest

from mattermost_plugin import AsyncPluginAPIClient, PermissionDeniedError, ValidationError
from mattermost_plugin.models import Preference
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_user

pytestmark = pytest.mark.anyio


async def test_preferences_are_stored_read_and_deleted(api: AsyncPluginAPIClient, ws: Workspace) -> None:
    ada = (await a_user(ws)).id
    tips = Preference(user_id=ada, category="tutorial", name="tips", value="on")
    await api.update_preferences_for_user(ada, [tips])
    assert await api.get_preference_for_user(ada, "tutorial", "tips") == tips
    assert await api.get_preferences_for_user(ada) == [tips]
    with pytest.raises(PermissionDeniedError):
        await api.update_preferences_for_user("b" * 26, [tips])
    await api.delete_preferences_for_user(ada, [tips])
    with pytest.raises(ValidationError):
        await api.get_preference_for_user(ada, "tutorial", "tips")
