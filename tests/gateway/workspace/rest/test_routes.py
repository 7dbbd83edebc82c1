"""What holds for every route."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from servehttp.workspace.ids import new_id
from servehttp.workspace.rest.application import ROUTES
from servehttp.workspace.workspace import Workspace
from support.rest import Client

pytestmark = pytest.mark.anyio


def filled(path: str) -> str:
    return re.sub(r"{\w+}", lambda name: new_id(), path)


async def test_who_is_not_logged_in_gets_no_further_than_the_public_routes(nobody: Client) -> None:
    for route in ROUTES:
        if not route.access.public:
            response = await nobody(route.method, filled(route.path), json={})
            assert response.status_code == 401, route
            assert response.json()["id"] == "api.context.session_expired.app_error"


async def test_nothing_that_is_not_there_is_a_fault_of_the_host(ada: Client, admin: Client) -> None:
    for route in ROUTES:
        for client in (ada, admin):
            if route.handler.__name__ not in ("logout", "revoke_all_sessions"):
                response = await client(route.method, filled(route.path), json={})
                assert response.status_code < 500 or response.status_code == 501, (route, response.text)


async def test_a_nul_which_no_database_keeps_is_refused_in_every_address_and_form(admin: Client) -> None:
    for route in ROUTES:
        if "{" in route.path:
            response = await admin(route.method, re.sub(r"{\w+}", "a%00", route.path), json={})
            assert response.status_code == 400, (route, response.text)
    for path in ("/users/autocomplete?name=a%00", "/users?role=a%00", "/users?in_team=a%00"):
        assert (await admin("GET", path)).status_code == 400, path
    assert (await admin("POST", "/users?iid=a%00", json={})).status_code == 400
    assert (await admin("POST", "/files?channel_id=a&filename=a%00", content=b"a")).status_code == 400
    form = b'--b\r\nContent-Disposition: form-data; name="channel_id"\r\n\r\na\0\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Authorization": f"Bearer {admin.token}"}
    assert (await admin.http.post("/api/v4/files", content=form, headers=headers)).status_code == 400


async def test_nothing_is_changed_by_reading_and_everything_says_what_it_does() -> None:
    assert {route.method for route in ROUTES} == {"GET", "POST", "PUT", "DELETE"}
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
    assert all(route.handler.__doc__ for route in ROUTES)


async def test_a_fault_of_the_host_is_logged_and_not_told(
    ada: Client, ws: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ws.database.transaction() as tx:
        await tx.execute(text("DROP TABLE preferences"))
    response = await ada("GET", "/users/me/preferences")
    assert (response.status_code, response.json()["id"]) == (500, "api.internal.app_error")
    assert "SELECT" not in response.text
    assert "SELECT" in capsys.readouterr().out


async def test_a_path_with_a_slash_more_or_less_is_none_of_the_table(admin: Client) -> None:
    for path in ("/users/", "/config/", "/users/me/", ""):
        response = await admin("GET", path)
        assert (response.status_code, response.json()["id"]) == (404, "api.context.404.app_error"), path
