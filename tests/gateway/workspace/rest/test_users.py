"""Accounts over REST: who sees and changes what."""

from __future__ import annotations

import pytest

from mattermost_plugin.models import Session, Team
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.workspace import Workspace
from support.rest import Client
from support.workspaces import PASSWORD, a_user

pytestmark = pytest.mark.anyio


async def test_an_administrator_creates_an_account_and_others_do_not(admin: Client, ada: Client) -> None:
    bob = {"username": "bob", "email": "bob@example.com", "password": PASSWORD}
    refused = await ada("POST", "/users", json=bob)
    assert (refused.status_code, refused.json()["id"]) == (403, "api.user.create_user.no_open_server")
    response = await admin("POST", "/users", json=bob)
    assert (response.status_code, response.json()["roles"]) == (201, "system_user")


async def test_an_invitation_creates_an_ordinary_account_in_its_team(ws: Workspace, nobody: Client) -> None:
    team = await ws.teams.create(Team(name="engines", display_name="Engines"))
    bob = {"username": "bob", "email": "bob@example.com", "password": PASSWORD, "roles": "system_admin", "is_bot": True}
    made = await nobody.ok("POST", "/users", params={"iid": team.invite_id}, json=bob)
    assert (made["roles"], made["is_bot"]) == ("system_user", False)
    assert [member.user_id for member in await ws.team_members.of_team(team.id)] == [made["id"]]


async def test_others_see_less_of_a_user_than_the_user(ada: Client, ws: Workspace) -> None:
    bob = await a_user(ws, "bob")
    seen, mine = await ada.ok("GET", f"/users/{bob.id}"), await ada.ok("GET", "/users/me")
    assert "notify_props" in mine
    assert "notify_props" not in seen
    assert seen["username"] == "bob"


async def test_users_are_found_by_name_address_ids_and_search(ada: Client, ws: Workspace) -> None:
    bob = await a_user(ws, "bob")
    assert (await ada.ok("GET", "/users/username/bob"))["id"] == bob.id
    assert (await ada.ok("GET", "/users/email/bob@example.com"))["id"] == bob.id
    for path, body in (("ids", [bob.id]), ("usernames", ["bob"]), ("search", {"term": "bo"})):
        assert [user["id"] for user in await ada.ok("POST", f"/users/{path}", json=body)] == [bob.id]
    assert [user["username"] for user in (await ada.ok("GET", "/users/autocomplete?name=b"))["users"]] == ["bob"]
    assert await ada.ok("GET", "/users/stats") == {"total_users_count": 2}


async def test_a_list_has_pages_of_at_most_200(ada: Client, ws: Workspace) -> None:
    await a_user(ws, "bob")
    assert [user["username"] for user in await ada.ok("GET", "/users?per_page=1&page=1")] == ["bob"]
    assert len(await ada.ok("GET", "/users?per_page=100000000")) == 2
    assert len(await ada.ok("GET", "/users?per_page=minus&page=-1")) == 2


async def test_a_patch_changes_what_it_names_and_nothing_else(ada: Client, ws: Workspace) -> None:
    patch = {"nickname": "Countess", "roles": "system_admin", "first_name": None}
    changed = await ada.ok("PUT", "/users/me/patch", json=patch)
    assert (changed["nickname"], changed["roles"], changed["username"]) == ("Countess", "system_user", "ada")


async def test_nobody_changes_others_but_administrators(ada: Client, admin: Client) -> None:
    patch = {"nickname": "Somebody"}
    assert (await ada("PUT", f"/users/{admin.user.id}/patch", json=patch)).status_code == 403
    assert (await admin.ok("PUT", f"/users/{ada.user.id}/patch", json=patch))["nickname"] == "Somebody"


async def test_another_address_needs_the_password(ada: Client) -> None:
    patch = {"email": "countess@example.com"}
    assert (await ada("PUT", "/users/me/patch", json=patch)).status_code == 401
    changed = await ada.ok("PUT", "/users/me/patch", json=patch | {"password": PASSWORD})
    assert changed["email"] == "countess@example.com"


async def test_another_password_needs_the_present_one_and_ends_other_sessions(ada: Client, ws: Workspace) -> None:
    other = Client(ada.http, ada.user, (await ws.sessions.create(Session(user_id=ada.user.id))).token)
    body = {"current_password": "no idea at all", "new_password": "an even better one"}
    assert (await ada("PUT", "/users/me/password", json=body)).status_code == 401
    await ada.ok("PUT", "/users/me/password", json=body | {"current_password": PASSWORD})
    assert (await ada("GET", "/users/me")).status_code == 200
    assert (await other("GET", "/users/me")).status_code == 401


async def test_roles_and_activity_are_set_by_administrators(ada: Client, admin: Client, ws: Workspace) -> None:
    path = f"/users/{ada.user.id}"
    assert (await ada("PUT", f"{path}/roles", json={"roles": "system_admin"})).status_code == 403
    await admin.ok("PUT", f"{path}/roles", json={"roles": "system_user system_admin"})
    assert (await ws.users.get(ada.user.id)).roles == "system_user system_admin"
    await admin.ok("PUT", f"{path}/active", json={"active": False})
    assert (await ada("GET", "/users/me")).status_code == 401
    await admin.ok("PUT", f"{path}/active", json={"active": True})
    await admin.ok("DELETE", path)
    assert (await ws.users.get(ada.user.id)).delete_at


async def test_a_profile_image_is_uploaded_shown_and_taken_back(ada: Client) -> None:
    data = plain_image("x" * 26)
    await ada.ok("POST", "/users/me/image", files={"image": ("me.png", data, "image/png")})
    shown = await ada("GET", "/users/me/image")
    assert (shown.content, shown.headers["content-type"]) == (data, "image/png")
    await ada.ok("DELETE", "/users/me/image")
    plain = await ada("GET", "/users/me/image")
    assert plain.content != data
    assert plain.content == (await ada("GET", "/users/me/image/default")).content


async def test_what_is_no_image_or_no_form_is_refused(ada: Client) -> None:
    text = {"image": ("me.svg", b"<svg onload='alert(1)'/>", "image/svg+xml")}
    assert (await ada("POST", "/users/me/image", files=text)).status_code == 400
    assert (await ada("POST", "/users/me/image", files={"other": b"x"})).status_code == 400
    assert (await ada("POST", "/users/me/image", json={})).status_code == 400


async def test_an_id_that_is_none_is_an_error_of_the_address(ada: Client) -> None:
    response = await ada("GET", "/users/nobody")
    assert (response.status_code, response.json()["id"]) == (400, "api.context.invalid_url_param.app_error")


async def test_who_is_not_logged_in_sees_nobody(nobody: Client, ws: Workspace) -> None:
    bob = await a_user(ws, "bob")
    for method, path in (("GET", "/users"), ("GET", f"/users/{bob.id}"), ("POST", "/users/ids"), ("GET", "/users/me")):
        assert (await nobody(method, path)).status_code == 401


async def test_a_body_of_another_kind_is_the_callers_fault(ada: Client) -> None:
    bodies = [b"[]", b"{", b'{"nickname": 5}', b'{"nickname": "\\ud800"}', b'{"props": {"a": 1}}', b"[" * 500]
    for body in (*bodies, b'{"props": NaN}', b'{"n": 1' + b"0" * 30 + b"}", b'{"n": 1e999}', b"\xff"):
        response = await ada("PUT", "/users/me/patch", content=body)
        assert (response.status_code, response.json()["id"]) == (400, "api.context.invalid_body_param.app_error"), body


async def test_a_body_over_the_limit_is_refused(ada: Client) -> None:
    response = await ada("PUT", "/users/me/patch", content=b" " * (1024 * 1024 + 1))
    assert (response.status_code, response.json()["id"]) == (413, "api.context.request_body_too_large.app_error")
