"""Sessions, personal access tokens and statuses over REST."""

from __future__ import annotations

import pytest

from servehttp.workspace.workspace import Workspace
from support.rest import Client
from support.workspaces import Clock

pytestmark = pytest.mark.anyio


async def test_sessions_are_listed_without_what_would_log_in_and_ended(ada: Client, admin: Client) -> None:
    (session,) = await ada.ok("GET", "/users/me/sessions")
    assert "token" not in session
    assert session["props"] == {}
    wrong = {"session_id": session["id"]}
    assert (await admin("POST", "/users/me/sessions/revoke", json=wrong)).status_code == 400
    assert (await ada("POST", f"/users/{admin.user.id}/sessions/revoke/all")).status_code == 403
    await ada.ok("POST", "/users/me/sessions/revoke", json={"session_id": session["id"]})
    assert (await ada("GET", "/users/me")).status_code == 401


async def test_an_access_token_is_shown_once_and_logs_in_until_it_is_disabled(admin: Client, ada: Client) -> None:
    made = await admin.ok("POST", "/users/me/tokens", json={"description": "for the build"})
    robot = Client(admin.http, admin.user, made["token"])
    assert (await robot.ok("GET", "/users/me"))["id"] == admin.user.id
    assert all("token" not in token for token in await admin.ok("GET", "/users/me/tokens"))
    assert "token" not in await admin.ok("GET", f"/users/tokens/{made['id']}")
    await robot.ok("POST", "/users/logout")
    for action, status in (("disable", 401), ("enable", 200), ("revoke", 401)):
        await admin.ok("POST", f"/users/tokens/{action}", json={"token_id": made["id"]})
        assert (await robot("GET", "/users/me")).status_code == status
    assert (await ada("POST", "/users/me/tokens", json={"description": "mine"})).status_code == 403


async def test_a_status_is_offline_until_it_is_set(ada: Client, admin: Client, clock: Clock, ws: Workspace) -> None:
    path = f"/users/{ada.user.id}/status"
    assert (await admin.ok("GET", path))["status"] == "offline"
    assert (await ada.ok("PUT", path, json={"user_id": ada.user.id, "status": "away"}))["status"] == "away"
    ends = clock() // 1000 + 3600
    assert (await ada.ok("PUT", path, json={"status": "dnd", "dnd_end_time": ends}))["status"] == "dnd"
    assert [s["status"] for s in await admin.ok("POST", "/users/status/ids", json=[ada.user.id])] == ["dnd"]
    assert (await ada("PUT", f"/users/{admin.user.id}/status", json={"status": "away"})).status_code == 403


async def test_a_custom_status_is_set_and_taken_away(ada: Client, ws: Workspace) -> None:
    custom = {"emoji": "tea", "text": "pause", "duration": "today", "expires_at": "2030-01-01T00:00:00Z"}
    await ada.ok("PUT", "/users/me/status/custom", json=custom)
    assert "pause" in (await ws.users.get(ada.user.id)).props["customStatus"]
    await ada.ok("DELETE", "/users/me/status/custom")
    assert not (await ws.users.get(ada.user.id)).props["customStatus"]
    assert (await ada("PUT", "/users/me/status/custom", json=custom | {"expires_at": "soon"})).status_code == 400
