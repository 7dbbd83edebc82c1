"""Every route of the console, and of the API beside it, as every kind of caller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from servehttp.console.application import ROUTES
from servehttp.console.routes import ConsoleRoute, Who
from servehttp.settings.gateway import GatewaySettings
from support.consoles import SLOW, URL, Scene, console
from support.loops import one_module_loop  # noqa: F401  # pytest uses it

pytestmark = pytest.mark.anyio

REFUSED = (401, 403)
ENDLESS = "/api/servehttp/v1/logs/events"
SIGN_OUT = "/console/signout"
"""After it who has sent it is no visitor any more."""
CLOSED = [route for route in ROUTES if route.who is Who.VISITOR]
CHANGING = [route for route in CLOSED if route.method != "GET" and route.path != SIGN_OUT]


def address(route: ConsoleRoute) -> str:
    return route.path.format(plugin_id=SLOW, action="restart", request_id="r1", user_id="u1", what="sessions")


def named(route: ConsoleRoute) -> str:
    return f"{route.method} {route.path}"


@pytest.fixture(scope="module")
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with console(tmp_path_factory.mktemp("alone"), workspace=False) as scene:
        yield scene


@pytest.fixture(scope="module")
async def in_workspace(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with console(tmp_path_factory.mktemp("workspace"), workspace=True) as scene:
        yield scene


def is_sent_to_login(answer: httpx2.Response) -> bool:
    return answer.status_code == 303 and "/login?" in answer.headers["location"]


@pytest.mark.parametrize("route", CLOSED, ids=named)
async def test_nobody_comes_in_without_signing_in(alone: Scene, in_workspace: Scene, route: ConsoleRoute) -> None:
    for scene in (alone, in_workspace):
        for headers in ({}, {"cookie": "servehttp_console=x; MMAUTHTOKEN=" + "a" * 26}, {"authorization": "Bearer x"}):
            answer = await scene.http.request(route.method, address(route), headers=headers)
            assert answer.status_code == 401 or is_sent_to_login(answer), answer.text


@pytest.fixture(scope="module")
async def user(in_workspace: Scene) -> dict[str, str]:
    return await in_workspace.user("user")


@pytest.fixture(scope="module")
async def admin(in_workspace: Scene) -> dict[str, str]:
    return await in_workspace.user("operator", "system_user system_admin")


@pytest.fixture(scope="module")
async def visitor(alone: Scene) -> dict[str, str]:
    return await alone.sign_in()


@pytest.mark.parametrize("route", CLOSED, ids=named)
async def test_users_who_are_no_administrators_may_do_nothing(
    in_workspace: Scene, user: dict[str, str], route: ConsoleRoute
) -> None:
    answer = await in_workspace.http.request(route.method, address(route), headers=user)
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("route", [route for route in CLOSED if route.path not in (ENDLESS, SIGN_OUT)], ids=named)
async def test_administrators_may_use_each_route(
    in_workspace: Scene, alone: Scene, admin: dict[str, str], visitor: dict[str, str], route: ConsoleRoute
) -> None:
    for scene, headers in ((in_workspace, admin), (alone, visitor)):
        answer = await scene.http.request(route.method, address(route), headers=headers)
        assert answer.status_code not in (*REFUSED, 405, 500) or "did not start" in answer.text, answer.text
        assert not is_sent_to_login(answer)


@pytest.mark.parametrize("route", CHANGING, ids=named)
async def test_a_page_of_another_site_changes_nothing(
    in_workspace: Scene, alone: Scene, admin: dict[str, str], visitor: dict[str, str], route: ConsoleRoute
) -> None:
    for scene, headers in ((in_workspace, admin), (alone, visitor)):
        cookie = {"cookie": headers["cookie"]}
        for more in ({}, {"x-csrf-token": "wrong"}, {"x-requested-with": "XMLHttpRequest"}):
            answer = await scene.http.request(route.method, address(route), headers=cookie | more)
            assert answer.status_code == 403, answer.text
        answer = await scene.http.request(route.method, address(route), headers=headers | {"origin": "http://evil"})
        assert answer.status_code == 403
        both = headers | {"authorization": "Bearer nobody"}  # which must not pass for a program's
        answer = await scene.http.request(route.method, address(route), headers=both)
        assert answer.status_code == 401 or is_sent_to_login(answer)


async def test_what_a_form_brings_counts_as_what_a_header_does(alone: Scene, visitor: dict[str, str]) -> None:
    address = f"/console/plugins/{SLOW}/restart"
    headers = {"cookie": visitor["cookie"], "origin": URL}
    answer = await alone.http.post(address, headers=headers, data={"csrf": visitor["x-csrf-token"]})
    assert answer.status_code == 303
    assert answer.headers["location"].endswith("?told=restart")


async def test_a_program_needs_no_token_against_forged_requests(
    alone: Scene, in_workspace: Scene, visitor: dict[str, str], admin: dict[str, str]
) -> None:
    for scene, headers in ((alone, visitor), (in_workspace, admin)):
        secret = headers["cookie"].partition("=")[2]
        answer = await scene.http.post(
            f"/api/servehttp/v1/plugins/{SLOW}/restart", headers={"authorization": f"Bearer {secret}"}
        )
        assert answer.status_code in (200, 404), answer.text  # the workspace knows no such plugin


async def test_a_link_is_good_for_one_sign_in(tmp_path: Path) -> None:
    async with console(tmp_path, workspace=False) as scene:
        tickets = scene.console.tickets
        assert tickets is not None
        ticket = tickets.current
        page = await scene.http.get(f"/console/signin?ticket={ticket}")
        assert ticket in page.text
        assert tickets.current == ticket, "a look, as messengers take it, uses nothing up"
        first = await scene.http.post("/console/signin", data={"ticket": ticket})
        assert first.status_code == 303
        assert "HttpOnly" in first.headers["set-cookie"]
        assert "SameSite=strict" in first.headers["set-cookie"]
        cookies = first.headers.get_list("set-cookie")
        assert [cookie.partition("Path=")[2].partition(";")[0] for cookie in cookies] == ["/console", "/api/servehttp"]
        assert (await scene.http.get("/console/")).status_code == 200
        again = await scene.http.post("/console/signin", data={"ticket": ticket})
        assert again.status_code == 401
        assert tickets.current != ticket
        by_program = await scene.http.post("/api/servehttp/v1/sessions", json={"ticket": tickets.current})
        bearer = {"authorization": f"Bearer {by_program.json()['token']}"}
        scene.http.cookies.clear()
        assert (await scene.http.get("/api/servehttp/v1/overview", headers=bearer)).status_code == 200


@pytest.mark.parametrize("body", ['{"ticket": "\\ud800"}', "[" * 100_000, "9" * 5000, "\xff"])
async def test_what_is_no_ticket_lets_nobody_in(alone: Scene, body: str) -> None:
    answer = await alone.http.post("/api/servehttp/v1/sessions", content=body.encode("latin-1"))
    assert answer.status_code == 401


async def test_who_signs_out_has_to_sign_in_again(alone: Scene, in_workspace: Scene) -> None:
    visitor, admin = await alone.sign_in(), await in_workspace.user("leaving", "system_user system_admin")
    for scene, headers in ((alone, visitor), (in_workspace, admin)):
        assert (await scene.http.get("/console/", headers=headers)).status_code == 200
        assert (await scene.http.post("/console/signout", headers=headers)).status_code == 303
        answer = await scene.http.get("/console/", headers=headers)
        assert answer.status_code == 401 or is_sent_to_login(answer)


@pytest.mark.parametrize(
    ("settings", "there"),
    [
        ({}, True),
        ({"server": {"host": "::1"}}, True),
        ({"server": {"host": "localhost"}}, True),
        ({"server": {"host": "0.0.0.0"}}, False),
        ({"server": {"uds": "/run/gateway.sock"}}, False),
        ({"server": {"forwarded_allow_ips": "127.0.0.1"}}, False),
        ({"server": {"host": "0.0.0.0"}, "console": {"enabled": True}}, True),
        ({"console": {"enabled": False}}, False),
    ],
)
def test_it_is_there_by_itself_only_where_nobody_else_can_reach_it(settings: dict[str, object], there: bool) -> None:
    assert GatewaySettings.model_validate(settings).has_console is there
