"""What the application sees of a request."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from support.client import fetch
from support.front_apps import Play, app, describe

pytestmark = pytest.mark.anyio


async def test_the_application_sees_the_request_as_it_was_sent(play: Play) -> None:
    async with play(app(describe)) as stage:
        answer = await fetch(stage.port, "/plugins/p/a%2Fb/c%20d?x=%201&y", "POST", [("X-One", "1")], b"body")
    seen = answer.json()
    assert seen["method"] == "POST"
    assert seen["path"] == "/plugins/p/a/b/c d"
    assert seen["raw_path"] == "/plugins/p/a%2Fb/c%20d"
    assert seen["query"] == "x=%201&y"
    assert seen["root_path"] == "/plugins/p"
    assert seen["client"][0] == "127.0.0.1"
    assert seen["body"] == "body"
    assert ["x-one", "1"] in seen["headers"]
    assert ["host", "test"] in seen["headers"]


async def test_links_that_the_application_makes_work_from_outside(play: Play) -> None:
    async def link(request: Request) -> Response:
        return PlainTextResponse(str(request.url_for("link", rest="x")))

    routes = [Route("/{rest:path}", link, name="link")]
    async with play(Starlette(routes=routes)) as stage:
        answer = await fetch(stage.port, "/plugins/p/anything")
    assert answer.body == b"http://test/plugins/p/x"


async def test_nobody_says_of_himself_who_he_is(play: Play) -> None:
    forged = [("Mattermost-User-Id", "root"), ("mattermost_user_id", "root"), ("Connection", "mattermost-user-id")]
    async with play(app(describe)) as stage:
        seen = (await fetch(stage.port, "/plugins/p/", headers=forged)).json()
    assert not [name for name, _ in seen["headers"] if "mattermost" in name]


async def test_repeated_headers_stay_apart_both_ways(play: Play) -> None:
    async def cookies(request: Request) -> Response:
        response = PlainTextResponse(",".join(request.headers.getlist("x-many")))
        response.headers.append("set-cookie", "a=1")
        response.headers.append("set-cookie", "b=2")
        return response

    async with play(app(cookies)) as stage:
        answer = await fetch(stage.port, "/plugins/p/", headers=[("X-Many", "1"), ("X-Many", "2")])
    assert answer.body == b"1,2"
    own = b"; Path=/plugins/p/"
    assert [value for name, value in answer.headers if name == b"set-cookie"] == [b"a=1" + own, b"b=2" + own]


async def test_a_trusted_proxy_says_who_the_client_is(play: Play) -> None:
    forwarded = [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https")]
    async with play(app(describe), trusted=("127.0.0.1",)) as stage:
        seen = (await fetch(stage.port, "/plugins/p/", headers=forwarded)).json()
    assert (seen["client"][0], seen["scheme"]) == ("1.2.3.4", "https")


async def test_nobody_else_does(play: Play) -> None:
    forwarded = [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https")]
    async with play(app(describe)) as stage:
        seen = (await fetch(stage.port, "/plugins/p/", headers=forwarded)).json()
    assert (seen["client"][0], seen["scheme"]) == ("127.0.0.1", "http")
    assert not [name for name, _ in seen["headers"] if name.startswith("x-forwarded")]
