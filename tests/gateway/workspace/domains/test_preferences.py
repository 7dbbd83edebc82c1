"""Preferences: what they may be, and who is told."""

from __future__ import annotations

import pytest

from mattermost_plugin.grpc import hooks_message_pb2 as pb
from mattermost_plugin.models import Preference
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace
from support.workspaces import FakePlugin, a_user

pytestmark = pytest.mark.anyio


async def test_a_preference_is_replaced_and_the_users_clients_and_plugins_are_told(ws: Workspace) -> None:
    ada, plugin = await a_user(ws), FakePlugin({"PreferencesHaveChanged": pb.PreferencesHaveChangedResponse()})
    ws.hooks.register("a", plugin)
    events = ws.events.subscribe(lambda event: event.name.startswith("preferences"))
    for value in ("on", "off"):
        await ws.preferences.update(ada.id, [Preference(user_id=ada.id, category="c", name="n", value=value)])
    await ws.hooks.settled()
    assert [request.preferences[0].value for _, request in plugin.asked] == ["on", "off"]
    assert [found.value for found in await ws.preferences.of_user(ada.id)] == ["off"]
    assert await ws.preferences.of_user(ada.id, "other") == []
    event = await anext(events)
    assert (event.name, event.broadcast.user_id) == ("preferences_changed", ada.id)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"category": ""}, "category"),
        ({"category": "c" * 33}, "category"),
        ({"name": "n" * 33}, "name"),
        ({"value": "v" * 20_001}, "value"),
        ({"category": "theme", "value": "blue"}, "theme"),
        ({"category": "theme", "value": "[" * 20_000}, "theme"),
    ],
)
async def test_a_malformed_preference_is_refused_and_none_is_stored(
    ws: Workspace, fields: dict[str, str], field: str
) -> None:
    good = {"user_id": "a" * 26, "category": "c", "name": "n"}
    with pytest.raises(AppFailure) as refused:
        await ws.preferences.update("a" * 26, [Preference(**good), Preference(**good | fields)])
    assert refused.value.id == f"model.preference.is_valid.{field}.app_error"
    assert await ws.preferences.of_user("a" * 26) == []
