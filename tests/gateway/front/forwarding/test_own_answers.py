"""Answers of the gateway's own, its access log, and its health."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from mattermost_plugin.types import Receive, Scope, Send
from servehttp.build import build_name
from servehttp.plugins.states import PluginState
from support.client import connect, fetch
from support.front_apps import SOON, Play, app, describe, echo

pytestmark = pytest.mark.anyio


# Answers of the gateway's own


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/nothing", 404),
        ("/plugins//", 404),
        ("/plugins/q/", 404),
        ("/plugins/p/../q/", 400),
        ("/plugins/p/%2e%2e/q", 400),
    ],
)
async def test_what_is_nobodys_is_refused_in_json(play_tunnel: Play, target: str, status: int) -> None:
    async with play_tunnel(app(describe)) as stage:
        answer = await fetch(stage.port, target, headers=[("X-Request-Id", "mine")])
    assert answer.status == status
    assert answer.json()["error"]["status"] == status
    assert answer.json()["error"]["request_id"] == answer.header("x-request-id") == "mine"


async def test_a_plugin_without_its_slash_is_one_redirect_away(play_tunnel: Play) -> None:
    async with play_tunnel(app(describe)) as stage:
        answer = await fetch(stage.port, "/plugins/p?x=1")
    assert (answer.status, answer.header("location")) == (307, "/plugins/p/?x=1")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (PluginState.STARTING, 503),
        (PluginState.RESTARTING, 503),
        (PluginState.STOPPED, 404),
        (PluginState.STOPPING, 404),
        (PluginState.FAILED, 404),
    ],
)
async def test_a_plugin_that_does_not_run_says_whether_to_come_again(
    play_tunnel: Play, state: PluginState, status: int
) -> None:
    async with play_tunnel(app(describe)) as stage:
        link, stage.handle.link, stage.handle.state = stage.handle.link, None, state
        answer = await fetch(stage.port, "/plugins/p/")
        assert link is not None
    assert answer.status == status
    assert (answer.header("retry-after") is not None) is (status == 503)


async def test_a_plugin_without_http_says_that_it_runs_all_the_same(play_tunnel: Play) -> None:
    async with play_tunnel(app(describe)) as stage:
        assert stage.handle.link is not None
        stage.handle.link.serves_http = False
        answer = await fetch(stage.port, "/plugins/p/")
    assert answer.status == 404
    assert answer.json()["error"]["message"].startswith("the plugin answers no requests")


async def test_a_plugin_with_its_hands_full_is_a_503(play: Play) -> None:
    reached = asyncio.Event()

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        reached.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    async with play(hang, max_exchanges=1) as stage, connect(stage.port) as client:
        await client.start("GET", "/plugins/p/")
        await client.end()
        await asyncio.wait_for(reached.wait(), SOON)
        answer = await fetch(stage.port, "/plugins/p/")
    assert (answer.status, answer.header("retry-after")) == (503, "1")


async def test_a_body_that_says_it_is_too_large_is_a_413_and_never_arrives(play: Play) -> None:
    called = False

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal called
        called = True

    async with play(app, max_body_size=10) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Content-Length", "11")])
        assert (await client.answer()).status == 413
    assert not called


async def test_a_body_that_grows_too_large_is_a_413_and_a_disconnect(play: Play) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        while (event := await receive())["type"] == "http.request" and event["more_body"]:
            seen.put_nowait("more")
        seen.put_nowait(event["type"])

    async with play(read, max_body_size=10) as stage, connect(stage.port) as client:
        await client.start("POST", "/plugins/p/", [("Transfer-Encoding", "chunked")])
        await client.send(b"x" * 5)
        assert await asyncio.wait_for(seen.get(), SOON) == "more"
        await client.send(b"x" * 20)
        assert (await client.answer()).status == 413
        assert await asyncio.wait_for(seen.get(), SOON) == "http.disconnect"


async def test_every_request_is_one_line_in_the_access_log(play: Play) -> None:
    with capture_logs() as logs:
        async with play(app(echo)) as stage:
            answer = await fetch(stage.port, "/plugins/p/x%1By", "POST", [("X-Request-Id", "r1")], b"12345")
    assert answer.header("x-request-id") == "r1"
    (line,) = [log for log in logs if log["event"] == "POST /plugins/p/x%1By"]
    assert (line["status"], line["plugin"], line["request_id"]) == (200, "p", "r1")
    assert (line["bytes_in"], line["bytes_out"]) == (5, 5)
    assert 0 <= line["first_byte_ms"] <= line["duration_ms"]


async def test_answers_of_the_gateways_own_have_their_bytes_in_the_access_log(play: Play) -> None:
    with capture_logs() as logs:
        async with play(app(echo)) as stage:
            answer = await fetch(stage.port, "/plugins/nobody/here")
            await fetch(stage.port, "/plugins/nobody/there", "HEAD")
    assert [log["bytes_out"] for log in logs if log["event"] == "GET /plugins/nobody/here"] == [len(answer.body)]
    assert [log["bytes_out"] for log in logs if log["event"] == "HEAD /plugins/nobody/there"] == [0]


# Health


async def test_alive_is_not_ready(play_tunnel: Play) -> None:
    async with play_tunnel(app(describe)) as stage:
        assert (await fetch(stage.port, "/livez")).status == 200
        assert (await fetch(stage.port, "/readyz")).status == 200
        stage.handle.state = PluginState.STARTING
        assert (await fetch(stage.port, "/livez")).status == 200
        assert (await fetch(stage.port, "/readyz")).status == 503
        verbose = await fetch(stage.port, "/readyz?verbose")
    report, plugins = verbose.json(), [{"id": "p", "state": "starting"}]
    assert report.pop("tasks") > 0
    assert report == {"status": "not ready", "build": build_name(), "plugins": plugins}
