"""The page where people log in: what it takes, and where it leads."""

from __future__ import annotations

import base64
import hashlib
import re

import httpx2
import pytest

from mattermost_plugin.grpc.hooks_user_channel_pb2 import UserWillLogInResponse
from servehttp.workspace.rest.login_page import COOKIE
from servehttp.workspace.workspace import Workspace
from support.workspaces import PASSWORD, FakePlugin, a_user

pytestmark = pytest.mark.anyio

BACK = "/plugins/com.example.club/me?tab=2"
OTHER_PLACES = [
    "//elsewhere.test",
    "/\\elsewhere.test",
    "https://elsewhere.test/",
    "javascript:alert(1)",
    "elsewhere.test",
    "/\t/elsewhere.test",
    "/\n/elsewhere.test",
    "/\r\nSet-Cookie: a=b",
    "/a b",
    "/é",
    "/" + "a" * 2048,
]


async def opened(http: httpx2.AsyncClient, redirect_to: str = BACK) -> dict[str, str]:
    """The hidden fields of the page that was opened."""
    page = await http.get("/login", params={"redirect_to": redirect_to})
    assert page.status_code == 200
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))


async def send(http: httpx2.AsyncClient, form: dict[str, str], **headers: str) -> httpx2.Response:
    return await http.post("/login", data={"login_id": "ada", "password": PASSWORD, **form}, headers=headers)


async def test_who_logs_in_comes_back_with_the_cookies_of_a_session(ws: Workspace, http: httpx2.AsyncClient) -> None:
    ada = await a_user(ws)
    answer = await send(http, await opened(http))

    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    assert (await http.get("/api/v4/users/me")).json()["id"] == ada.id
    assert COOKIE not in http.cookies
    cookies = "\n".join(answer.headers.get_list("set-cookie"))
    assert re.search(r"^MMAUTHTOKEN=\w+; HttpOnly; .*Path=/; SameSite=lax$", cookies, re.MULTILINE)


async def test_without_a_place_to_go_to_the_page_says_that_it_is_done(ws: Workspace, http: httpx2.AsyncClient) -> None:
    await a_user(ws)
    answer = await send(http, await opened(http, ""))

    assert answer.status_code == 200
    assert "You are logged in." in answer.text
    assert "MMAUTHTOKEN" in http.cookies


async def test_a_wrong_password_shows_the_page_again_with_what_was_typed_but_the_password(
    ws: Workspace, http: httpx2.AsyncClient
) -> None:
    await a_user(ws)
    form = await opened(http)
    answer = await send(http, {**form, "login_id": '"><b>', "password": "wrong"})

    assert answer.status_code == 401
    assert 'value="&quot;&gt;&lt;b&gt;"' in answer.text
    assert f'name="redirect_to" value="{BACK}"' in answer.text
    assert "wrong" not in answer.text.replace("wrong password", "")
    assert "MMAUTHTOKEN" not in http.cookies
    assert (await send(http, form)).status_code == 303


async def test_a_plugin_may_refuse_a_login_with_words_that_are_shown(ws: Workspace, http: httpx2.AsyncClient) -> None:
    await a_user(ws)
    refusal = UserWillLogInResponse(rejection_reason="Guests come by <day>.")
    ws.hooks.register("com.example.doorman", FakePlugin({"UserWillLogIn": lambda _: refusal}))
    answer = await send(http, await opened(http))

    assert answer.status_code == 400
    assert "Guests come by &lt;day&gt;." in answer.text


@pytest.mark.parametrize("address", OTHER_PLACES)
async def test_it_leads_nowhere_else(ws: Workspace, http: httpx2.AsyncClient, address: str) -> None:
    await a_user(ws)
    assert (await http.get("/login", params={"redirect_to": address})).status_code == 400
    answer = await send(http, {**await opened(http), "redirect_to": address})

    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "MMAUTHTOKEN" not in http.cookies


async def test_a_form_of_another_site_logs_nobody_in(ws: Workspace, http: httpx2.AsyncClient) -> None:
    await a_user(ws)
    form = await opened(http)

    assert (await send(http, {**form, "csrf": "other"})).status_code == 403
    assert (await send(http, {"redirect_to": BACK})).status_code == 403
    assert (await send(http, form, origin="https://elsewhere.test")).status_code == 403
    assert (await send(http, form, origin="null")).status_code == 403
    http.cookies.clear()
    assert (await send(http, form)).status_code == 403
    assert (await send(http, {**form, "csrf": ""})).status_code == 403
    assert "MMAUTHTOKEN" not in http.cookies


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"\xff", 400), (b"login_id=%00&password=x", 400), (b"login_id=" + b"a" * 5000, 413), (b"a=" + b"&a=" * 9, 413)],
)
async def test_what_is_no_such_form_is_refused_by_the_page(http: httpx2.AsyncClient, body: bytes, status: int) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await http.post("/login", content=body, headers=headers)

    assert answer.status_code == status
    assert "<form" in answer.text


async def test_its_policy_lets_a_browser_run_nothing_and_use_its_one_style(http: httpx2.AsyncClient) -> None:
    page = await http.get("/login")
    policy = page.headers["content-security-policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "<script" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert (await http.put("/login")).status_code in (404, 405)
