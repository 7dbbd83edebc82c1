"""What the gateway tells browsers and programs itself: the list of plugins, and why something cannot be had."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from servehttp.front.own_pages import prefers_html
from servehttp.plugins.states import PluginState
from support.client import Answer, fetch
from support.fronts import Handle, Stage, front
from support.loops import one_module_loop  # noqa: F401  # pytest uses it

pytestmark = pytest.mark.anyio

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
ODD = "com.example.<b>"


async def greet(scope: object, receive: object, send: object) -> None:
    raise AssertionError("no request here is for a plugin")


@pytest.fixture(scope="module", params=[True, False], ids=["direct", "asgi"])
async def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("front")
    async with front(greet, folder, direct=request.param, parser="httptools") as stage:
        stage.plugins.handles[ODD] = Handle(None, ODD, PluginState.FAILED)
        yield stage


async def get(stage: Stage, path: str, accept: str = "*/*", method: str = "GET") -> Answer:
    return await fetch(stage.port, path, method=method, headers=[("accept", accept)])


@pytest.mark.parametrize("path", ["/", "/plugins", "/plugins/", "/plugins/?page=2"])
async def test_the_list_is_there_where_nothing_else_is(stage: Stage, path: str) -> None:
    for_programs, for_browsers = await get(stage, path), await get(stage, path, BROWSER)
    assert (for_programs.status, for_browsers.status) == (200, 200)
    assert for_programs.json()["plugins"] == [
        {"id": "p", "path": "/plugins/p/", "state": "running"},
        {"id": ODD, "path": "/plugins/com.example.%3Cb%3E/", "state": "failed"},
    ]
    assert for_browsers.header("content-type") == "text/html; charset=utf-8"
    assert b'<a href="/plugins/p/">p</a>' in for_browsers.body
    assert b"<b>" not in for_browsers.body
    assert (await get(stage, path, method="HEAD")).body == b""
    assert (await get(stage, path, method="DELETE")).status == 404


async def test_nothing_is_a_redirect_to_nothing(stage: Stage) -> None:
    assert (await get(stage, "/plugins/nobody")).status == 404
    assert (await get(stage, "/plugins//")).status == 404
    assert (await get(stage, "/plugins/p")).header("location") == "/plugins/p/"


@pytest.mark.parametrize("path", ["/plugins/nobody/x", "/nothing", f"/plugins/{ODD}/", "/plugins/p/../q"])
async def test_browsers_are_told_on_a_page_and_programs_in_json_why_not(stage: Stage, path: str) -> None:
    for_programs, for_browsers = await get(stage, path), await get(stage, path, BROWSER)
    assert for_programs.status == for_browsers.status
    assert for_programs.status in (400, 404)
    assert for_programs.header("content-type") == "application/json"
    assert for_browsers.header("content-type") == "text/html; charset=utf-8"
    message: str = for_programs.json()["error"]["message"]
    assert message[1:].encode() in for_browsers.body.replace(b"&#x27;", b"'")
    assert str(for_browsers.header("x-request-id")).encode() in for_browsers.body
    assert "default-src 'none'" in str(for_browsers.header("content-security-policy"))
    assert for_programs.header("vary") == for_browsers.header("vary") == "Accept"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (None, False),
        (b"*/*", False),
        (b"application/json", False),
        (b"application/json, text/html", False),
        (b"text/html;q=0.5, application/json;q=0.9", False),
        (b"text/html;q=no", False),
        (b"Text/HTML", True),
        (b"text/html;level=1;q=0.7, application/json;q=0.5", True),
        (BROWSER.encode(), True),
    ],
)
def test_who_would_rather_have_a_page(accept: bytes | None, html: bool) -> None:
    assert prefers_html(accept) is html
