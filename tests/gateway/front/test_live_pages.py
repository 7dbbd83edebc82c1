"""Pages that reload themselves while somebody writes their plugin, by real sockets; the script alone, in Node.js."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from mattermost_plugin.types import Receive, Scope, Send
from servehttp.front import live_pages
from servehttp.front.content_policy import allows_own_script
from servehttp.plugins.states import PluginState
from support.client import Answer, Broken, Client, HeaderList, connect, fetch
from support.front_apps import app
from support.fronts import Stage, front
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

PAGE = "<!doctype html><title>ü</title><p>A page</p>"
TARGET = "/plugins/p/"
CHANGES = "/.servehttp/changes/p"
SCRIPT = '<script async src="/.servehttp/pages.js" data-plugin="p" data-version="r-0"></script>\n'
NAVIGATION = [("Sec-Fetch-Dest", "document"), ("Accept", "text/html,*/*")]
OLDER_BROWSER = [("Accept", "text/html,*/*")]
NODE = shutil.which("node")

Stages = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def live(tmp_path: Path) -> Stages:
    """The front of somebody who writes a plugin."""

    @asynccontextmanager
    async def staged(application: Any, **options: Any) -> AsyncIterator[Stage]:
        async with front(application, tmp_path, direct=True, live_run="r", **options) as stage:
            yield stage

    return staged


def page(text: str = PAGE, **options: Any) -> Any:
    async def answer(request: Request) -> Response:
        return HTMLResponse(text, **options)

    return app(answer, methods=("GET", "POST"))


async def of_status(request: Request) -> Response:
    """A page, with the status that the path names."""
    status = int(request.path_params["rest"])
    body = "" if status in (204, 205, 304) else PAGE
    return Response(body, status, media_type="text/html", headers={"ETag": '"1"'})


async def visit(stage: Stage, headers: HeaderList = NAVIGATION, target: str = TARGET) -> Answer:
    return await fetch(stage.port, target, headers=headers)


async def event(client: Client) -> str:
    """The next version that a page is told of."""
    while True:
        piece = await client.piece()
        assert piece is not None, "the stream has ended"
        if found := re.fullmatch(rb"data: (.+)\n\n", piece):
            return found[1].decode()


# The script's element


async def test_a_page_that_a_browser_shows_ends_with_the_script(live: Stages) -> None:
    async with live(page()) as stage:
        for headers in (NAVIGATION, OLDER_BROWSER, [("Sec-Fetch-Dest", "iframe")]):
            answer = await visit(stage, headers)
            assert answer.body.decode() == PAGE + SCRIPT
            assert answer.header("content-length") == str(len(answer.body))


async def test_no_browser_keeps_the_page_of_an_older_version(live: Stages) -> None:
    headers = {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT", "Cache-Control": "max-age=9"}
    async with live(page(headers=headers)) as stage:
        answer = await visit(stage)
    assert answer.header("cache-control") == "no-store"
    assert (answer.header("etag"), answer.header("last-modified")) == (None, None)


async def test_a_page_that_tells_of_an_error_has_it_too(live: Stages) -> None:
    async with live(app(of_status)) as stage:
        for status in (404, 500):
            answer = await visit(stage, target=f"{TARGET}{status}")
            assert (answer.status, answer.body.decode()) == (status, PAGE + SCRIPT)


async def test_a_page_in_the_public_folder_has_it_too(live: Stages, tmp_path: Path) -> None:
    (tmp_path / "plugin" / "public").mkdir(parents=True)
    (tmp_path / "plugin" / "public" / "page.html").write_text(PAGE)
    async with live(page()) as stage:
        stage.handle.folder = tmp_path / "plugin"
        assert (await visit(stage, target=f"{TARGET}public/page.html")).body.decode() == PAGE + SCRIPT


async def test_a_page_that_streams_is_not_held_back(live: Stages) -> None:
    may_end = asyncio.Event()

    async def pieces() -> AsyncIterator[str]:
        yield "<p>first"
        await may_end.wait()
        yield "<p>last"

    async def answer(request: Request) -> Response:
        return StreamingResponse(pieces(), media_type="text/html")

    async with live(app(answer)) as stage, connect(stage.port) as client:
        await client.start("GET", TARGET, NAVIGATION)
        await client.end()
        assert (await client.head()).header("content-length") is None
        assert await client.exactly(8) == b"<p>first"
        may_end.set()
        assert (await client.rest()).decode() == "<p>last" + SCRIPT


async def test_a_page_that_breaks_off_does_not_end_with_it(live: Stages) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/html"), (b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<p>", "more_body": True})
        raise RuntimeError("on purpose")

    async with live(broken) as stage, connect(stage.port) as client:
        await client.start("GET", TARGET, NAVIGATION)
        await client.end()
        await client.head()
        assert await client.exactly(3) == b"<p>"
        with pytest.raises(Broken):
            await client.rest()


async def test_what_is_no_page_or_must_not_have_a_script_stays_as_it_is(live: Stages) -> None:
    async def answer(request: Request) -> Response:
        name, _, value = request.query_params["with"].partition("=")
        return HTMLResponse(PAGE, headers={name: value})

    async with live(app(answer)) as stage:
        for name, value in (
            ("Content-Type", "text/plain"),
            ("Content-Type", "text/html; charset=utf-16"),
            ("Content-Encoding", "gzip"),
            ("Content-Disposition", "attachment; filename=page.html"),
            ("Content-Range", "bytes 0-44/45"),
            ("Cache-Control", "no-transform"),
            ("Content-Security-Policy", "default-src 'none'"),
        ):
            got = await visit(stage, target=f"{TARGET}?{urlencode({'with': f'{name}={value}'})}")
            assert (got.body.decode(), got.header(name)) == (PAGE, value)


async def test_answers_without_a_whole_page_are_left_alone(live: Stages) -> None:
    async with live(app(of_status)) as stage:
        for status in (204, 205, 206, 304):
            got = await visit(stage, target=f"{TARGET}{status}")
            assert (got.status, got.header("etag")) == (status, '"1"')
            assert got.body == (PAGE.encode() if status == 206 else b"")


async def test_so_are_other_methods(live: Stages) -> None:
    async def answer(request: Request) -> Response:
        return HTMLResponse(PAGE)

    async with live(app(answer, methods=("HEAD", "POST"))) as stage:
        for method, body in (("HEAD", b""), ("POST", PAGE.encode())):
            async with connect(stage.port) as client:
                await client.start(method, TARGET, NAVIGATION)
                await client.end()
                got = await client.answer()
            assert (got.header("content-length"), got.body) == (str(len(PAGE.encode())), body)


async def test_what_a_program_or_a_page_itself_fetches_is_left_alone(live: Stages) -> None:
    fetched: list[HeaderList] = [[], [("Accept", "*/*")], [("Sec-Fetch-Dest", "empty"), ("Accept", "text/html")]]
    async with live(page()) as stage:
        for headers in fetched:
            assert (await visit(stage, headers)).body.decode() == PAGE


async def test_a_page_with_a_policy_of_its_own_in_it_gets_no_script_and_keeps_its_length(live: Stages) -> None:
    text = f"""<meta http-equiv="Content-Security-Policy" content="default-src 'none'">{PAGE}""".encode()

    async def pieces(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(text), size):
            yield text[start : start + size]

    async def answer(request: Request) -> Response:
        size = int(request.path_params["rest"])
        return StreamingResponse(pieces(size), media_type="text/html", headers={"Content-Length": str(len(text))})

    async with live(app(answer)) as stage:
        for size in (1, 7, 4096):
            got = await visit(stage, target=f"{TARGET}{size}")
            assert got.body == text + b" " * len(SCRIPT)
            assert got.header("content-length") == str(len(got.body))


@pytest.mark.parametrize(
    ("policies", "allowed"),
    [
        ([], True),
        (["frame-ancestors 'none'"], True),
        (["default-src 'self'"], True),
        (["DEFAULT-SRC 'SELF'"], True),
        (["default-src *"], True),
        (["default-src 'none'"], False),
        (["default-src 'none'; script-src 'self'"], False),
        (["default-src 'none'; script-src 'self'; connect-src 'self'"], True),
        (["default-src 'self'; script-src 'nonce-abc'"], False),
        (["script-src 'self' 'strict-dynamic'"], False),
        (["script-src 'none'; script-src-elem 'self'"], True),
        (["script-src 'self'; script-src-elem 'none'"], False),
        (["connect-src https://example.com"], False),
        (["script-src 'self'; script-src 'none'"], True),
        (["script-src"], False),
        (["default-src 'self', script-src 'none'"], False),
        (["default-src 'self'", "script-src 'none'"], False),
        (["sandbox"], False),
        (["sandbox allow-scripts"], False),
        (["sandbox allow-scripts allow-same-origin"], True),
    ],
)
def test_a_policy_says_whether_the_script_may_run(policies: list[str], allowed: bool) -> None:
    assert allows_own_script(policy.encode() for policy in policies) is allowed


# What it follows


async def test_the_script_is_there_for_pages_under_a_policy(live: Stages) -> None:
    async with live(page()) as stage:
        answer = await fetch(stage.port, "/.servehttp/pages.js")
    assert (answer.status, answer.header("content-type")) == (200, "text/javascript; charset=utf-8")
    assert b"EventSource" in answer.body


async def test_a_page_is_told_at_once_and_again_when_another_version_serves(live: Stages) -> None:
    async with live(page()) as stage, connect(stage.port) as client:
        await client.start("GET", CHANGES)
        await client.end()
        head = await client.head()
        assert head.header("content-type") == "text/event-stream"
        assert await event(client) == "r-0"
        stage.handle.state = PluginState.STARTING
        stage.handle.generation = 1
        stage.handle.state = PluginState.RUNNING
        assert await event(client) == "r-1"
        assert b'data-version="r-1"' in (await visit(stage)).body


async def test_a_version_that_does_not_serve_is_not_told(live: Stages) -> None:
    async with live(page()) as stage, connect(stage.port) as client:
        await client.start("GET", CHANGES)
        await client.end()
        await client.head()
        assert await event(client) == "r-0"
        stage.handle.generation, stage.handle.state = 1, PluginState.FAILED
        stage.handle.generation, stage.handle.state = 2, PluginState.RUNNING
        assert await event(client) == "r-2"


async def test_a_page_that_follows_does_not_hold_up_the_end_of_the_server(tmp_path: Path) -> None:
    async with AsyncExitStack() as clients:
        async with front(page(), tmp_path, direct=True, live_run="r") as stage:
            client = await clients.enter_async_context(connect(stage.port))
            await client.start("GET", CHANGES)
            await client.end()
            await client.head()
            assert await event(client) == "r-0"
        assert await client.rest() == b"", "it has ended in order"


async def test_only_so_many_pages_follow_at_a_time(live: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_pages, "MOST_FOLLOWERS", 1)
    async with live(page()) as stage:
        async with connect(stage.port) as client:
            await client.start("GET", CHANGES)
            await client.end()
            await client.head()
            refused = await fetch(stage.port, CHANGES)
            assert (refused.status, refused.header("retry-after")) == (503, "1")
        async with asyncio.timeout(PATIENCE):  # until it is seen that the first has gone
            while True:
                async with connect(stage.port) as client:
                    await client.start("GET", CHANGES)
                    await client.end()
                    if (await client.head()).status == 200:
                        break
                await asyncio.sleep(0.02)


async def test_all_else_there_is_not_found(live: Stages) -> None:
    async with live(page()) as stage:
        for method, target in (
            ("GET", "/.servehttp/changes/other"),
            ("GET", "/.servehttp/other"),
            ("POST", CHANGES),
            ("POST", "/.servehttp/pages.js"),
        ):
            assert (await fetch(stage.port, target, method)).status == 404


@pytest.mark.parametrize("direct", [True, False])
async def test_without_reloading_there_is_nothing_of_it(tmp_path: Path, direct: bool) -> None:
    async with front(page(), tmp_path, direct=direct) as stage:
        assert (await visit(stage)).body.decode() == PAGE
        for target in (CHANGES, "/.servehttp/pages.js"):
            assert (await fetch(stage.port, target)).status == 404


# The script

BROWSER = """
const told = [];
let sources = [], timers = [], listeners = {};
globalThis.location = { reload: () => told.push("reload") };
globalThis.document = {
  currentScript: { src: "http://h/root/.servehttp/pages.js", dataset: { plugin: "p", version: "r-0" } },
  visibilityState: "visible",
  addEventListener: (name, listener) => { listeners[name] = listener; },
};
globalThis.addEventListener = (name, listener) => { listeners[name] = listener; };
globalThis.setTimeout = (call, delay) => { told.push(delay); timers.push(call); return timers.length; };
globalThis.clearTimeout = () => {};
globalThis.EventSource = class {
  constructor(url) { told.push(`connect ${url}`); sources.push(this); }
  close() { told.push("close"); }
};
require(process.argv[1]);
const last = () => sources[sources.length - 1];
"""


def in_browser(steps: str) -> list[Any]:
    """What the script does in what stands for a browser."""
    assert NODE is not None
    script = Path(live_pages.__file__).with_suffix(".js")
    done = subprocess.run(
        [NODE, "-e", f"{BROWSER}{steps}\nconsole.log(JSON.stringify(told))", str(script)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    told: list[Any] = json.loads(done.stdout)
    return told


@pytest.mark.skipif(NODE is None, reason="there is no Node.js")
class TestScript:
    connected = "connect http://h/root/.servehttp/changes/p"

    def test_it_reloads_once_another_version_is_told_and_not_before(self) -> None:
        told = in_browser('last().onmessage({data: "r-0"}); last().onmessage({data: "r-1"});')
        assert told == [self.connected, "close", "reload"]

    def test_it_connects_again_less_and_less_often_and_not_for_ever(self) -> None:
        told = in_browser("for (let i = 0; i < 101; i++) { last().onerror(); if (timers.length > i) timers[i](); }")
        delays = [step for step in told if isinstance(step, int)]
        assert delays[:7] == [250, 500, 1000, 2000, 4000, 8000, 8000]
        assert len(delays) == 100
        assert told[-1] == "close"

    def test_once_connected_it_begins_anew(self) -> None:
        told = in_browser('last().onerror(); timers[0](); last().onmessage({data: "r-0"}); last().onerror();')
        assert [step for step in told if isinstance(step, int)] == [250, 250]

    def test_a_page_that_nobody_sees_follows_nothing(self) -> None:
        hidden = 'document.visibilityState = "hidden"; listeners.visibilitychange();'
        shown = 'document.visibilityState = "visible"; listeners.visibilitychange();'
        assert in_browser(hidden + shown) == [self.connected, "close", self.connected]
