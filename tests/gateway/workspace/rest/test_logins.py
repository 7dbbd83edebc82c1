"""Logging in and out, by token and by cookie."""

from __future__ import annotations

import httpx2
import pytest

from mattermost_plugin.grpc.hooks_user_channel_pb2 import UserWillLogInResponse
from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.workspace import Workspace
from support.rest import Client
from support.workspaces import PASSWORD, FakePlugin, a_user

pytestmark = pytest.mark.anyio

FROM_PAGE = {"X-Requested-With": "XMLHttpRequest"}


async def log_in(http: httpx2.AsyncClient, password: str = PASSWORD, **headers: str) -> httpx2.Response:
    body = {"login_id": "ada", "password": password}
    return await http.post("/api/v4/users/login", json=body, headers=headers)


async def test_a_login_gives_a_token_that_is_good_until_the_logout(ws: Workspace, http: httpx2.AsyncClient) -> None:
    ada = await a_user(ws)
    response = await log_in(http)
    assert (response.status_code, response.json()["id"]) == (200, ada.id)
    bearer = {"Authorization": f"Bearer {response.headers['Token']}"}
    assert (await http.get("/api/v4/users/me", headers=bearer)).json()["username"] == "ada"
    assert (await http.post("/api/v4/users/logout", headers=bearer)).json() == {"status": "OK"}
    ended = await http.get("/api/v4/users/me", headers=bearer)
    assert (ended.status_code, ended.json()["id"]) == (401, "api.context.session_expired.app_error")


async def test_a_token_in_the_address_counts_and_so_does_the_scheme_token(ada: Client) -> None:
    me = "/api/v4/users/me"
    assert (await ada.http.get(me, params={"access_token": ada.token})).status_code == 200
    assert (await ada.http.get(me, headers={"Authorization": f"token {ada.token}"})).status_code == 200
    assert (await ada.http.get(me, headers={"Authorization": f"Basic {ada.token}"})).status_code == 401


async def test_a_login_tells_no_secret(ws: Workspace, http: httpx2.AsyncClient) -> None:
    await a_user(ws)
    assert not {"password", "auth_data", "mfa_secret"} & (await log_in(http)).json().keys()


async def test_who_asks_for_no_cookies_gets_none(ws: Workspace, http: httpx2.AsyncClient) -> None:
    await a_user(ws)
    assert not (await log_in(http)).cookies


async def test_a_cookie_logs_in_a_page_which_writes_only_with_its_csrf_token(
    ws: Workspace, http: httpx2.AsyncClient
) -> None:
    await a_user(ws)
    response = await log_in(http, **FROM_PAGE)
    assert "httponly" in next(
        cookie.lower() for cookie in response.headers.get_list("set-cookie") if cookie.startswith("MMAUTHTOKEN=")
    )
    assert (await http.get("/api/v4/users/me")).json()["username"] == "ada"
    patch = {"nickname": "Countess"}
    for headers in ({}, {b"X-CSRF-Token": b"guessed"}, {b"X-CSRF-Token": "gu€ssed".encode()}):
        assert (await http.put("/api/v4/users/me/patch", json=patch, headers=headers)).status_code == 401
    csrf = {"X-CSRF-Token": response.cookies["MMCSRF"]}
    changed = await http.put("/api/v4/users/me/patch", json=patch, headers=csrf)
    assert changed.json()["nickname"] == "Countess"


async def test_logging_out_takes_the_cookies_away(ws: Workspace, http: httpx2.AsyncClient) -> None:
    await a_user(ws)
    csrf = (await log_in(http, **FROM_PAGE)).cookies["MMCSRF"]
    await http.post("/api/v4/users/logout", headers={"X-CSRF-Token": csrf})
    assert not http.cookies


async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(ws: Workspace, nobody: Client) -> None:
    await a_user(ws)
    answers = []
    for name in ("ada", "bob"):
        response = await nobody("POST", "/users/login", json={"login_id": name, "password": "wrong password"})
        answers.append((response.status_code, response.json()["id"], response.json()["message"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


async def test_a_plugin_that_does_not_let_a_user_in_is_quoted(ws: Workspace, http: httpx2.AsyncClient) -> None:
    await a_user(ws)
    ws.hooks.register("gate", FakePlugin({"UserWillLogIn": UserWillLogInResponse(rejection_reason="not on Sundays")}))
    response = await log_in(http)
    assert (response.status_code, response.json()["message"]) == (400, "not on Sundays")


class TestLimited:
    @pytest.fixture
    def settings(self, database_url: str) -> WorkspaceSettings:
        return WorkspaceSettings(database_url=database_url, login_rate=2)

    async def test_too_many_logins_are_turned_away(self, ws: Workspace, http: httpx2.AsyncClient) -> None:
        await a_user(ws)
        assert [(await log_in(http, "wrong password")).status_code for _ in range(3)] == [401, 401, 429]
