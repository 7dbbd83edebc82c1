"""Statuses and custom statuses."""

from __future__ import annotations

import json

import pytest

from mattermost_plugin.models import CustomStatus
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, a_user

pytestmark = pytest.mark.anyio


async def test_a_status_that_does_not_exist_is_refused(ws: Workspace) -> None:
    user = await a_user(ws)
    with pytest.raises(AppFailure) as refused:
        await ws.statuses.set(user.id, "asleep")
    assert refused.value.id == "plugin.api.update_user_status.bad_status"


async def test_a_timed_do_not_disturb_ends_and_the_status_before_holds_again(ws: Workspace, clock: Clock) -> None:
    user = await a_user(ws)
    await ws.statuses.set(user.id, "away")
    await ws.statuses.set_timed_dnd(user.id, clock() // 1000 + 120)
    assert (await ws.statuses.get(user.id)).status == "dnd"
    clock.advance(seconds=120)
    assert (await ws.statuses.get(user.id)).status == "away"


async def test_a_status_is_told_to_the_user_it_is_of(ws: Workspace) -> None:
    user = await a_user(ws)
    events = ws.events.subscribe(lambda event: event.name == "status_change")
    await ws.statuses.set(user.id, "online")
    event = await anext(events)
    assert (event.data["status"], event.broadcast.user_id) == ("online", user.id)


async def test_a_custom_status_is_kept_in_the_users_props_as_mattermost_has_it(ws: Workspace, clock: Clock) -> None:
    user = await a_user(ws)
    await ws.statuses.set_custom(user.id, CustomStatus("tea", "resting", "one_hour", clock() + 3_600_000))
    kept = json.loads((await ws.users.get(user.id)).props["customStatus"])
    assert kept == {
        "emoji": "tea",
        "text": "resting",
        "duration": "one_hour",
        "expires_at": "2023-11-14T23:13:20Z",
    }


@pytest.mark.parametrize(
    "custom",
    [CustomStatus(), CustomStatus(text="x", duration="one_hour"), CustomStatus("x", "x", "a_year", 2**42)],
    ids=["empty", "no end", "no such duration"],
)
async def test_a_custom_status_that_says_nothing_or_never_ends_is_refused(ws: Workspace, custom: CustomStatus) -> None:
    user = await a_user(ws)
    with pytest.raises(AppFailure) as refused:
        await ws.statuses.set_custom(user.id, custom)
    assert refused.value.id == "api.custom_status.set_custom_statuses.update.app_error"
