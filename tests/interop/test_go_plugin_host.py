"""A plugin of ours under a real go-plugin host, written in Go.

Debian's go-plugin is 1.0.1, which asks for an orderly end (GRPCController) but does not read what a plugin prints
(GRPCStdio, from 1.2 on); there the host reads it itself, in the same way.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from interop import go_host
from interop.go_host import Report, Step
from interop.go_required import require_go

pytestmark = [pytest.mark.go, pytest.mark.timeout(go_host.BUILD_TIMEOUT + go_host.RUN_TIMEOUT)]

MIB = 1024 * 1024
GRACEFUL_LIMIT = 2.0
"""Seconds that go-plugin waits after Shutdown before it kills."""

PLUGIN = """
import asyncio
import hashlib

from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse

from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.routing import get, post

print("printed at import")

FILLER = b"x" * 100_000


class Sample(Plugin):
    gone = asyncio.Event()

    @hook(HookName.OnActivate)
    def activate(self):
        self.logger.info("activated")

    @hook(HookName.OnDeactivate)
    async def deactivate(self):
        self.logger.info("deactivated")

    @hook(HookName.OnConfigurationChange)
    def configured(self):
        raise ValueError("no such channel: town-square")

    @get("/hello/{name}")
    async def hello(self, request):
        answer = {
            "hello": request.path_params["name"],
            "raw_path": request.scope["raw_path"].decode(),
            "query": request.url.query,
            "root_path": request.scope["root_path"],
            "client": request.client.host,
            "tags": request.headers.getlist("x-tag"),
        }
        headers = {"x-made-by": "sample"}
        response = JSONResponse(answer, 201, headers)
        response.headers.append("set-cookie", "a=1")
        response.headers.append("set-cookie", "b=2")
        return response

    @post("/echo")
    async def echo(self, request):
        return StreamingResponse(request.stream(), media_type="application/octet-stream")

    @post("/deaf")
    async def deaf(self, request):
        async def pieces():
            yield b"a"
            await asyncio.sleep(60)

        return StreamingResponse(pieces())

    @post("/early")
    async def early(self, request):
        return PlainTextResponse("not needed", 403)

    @post("/digest")
    async def digest(self, request):
        digest, size = hashlib.sha256(), 0
        async for chunk in request.stream():
            digest.update(chunk)
            size += len(chunk)
        return JSONResponse({"bytes": size, "sha256": digest.hexdigest()})

    @get("/bytes/{size:int}")
    async def some_bytes(self, request):
        size = request.path_params["size"]

        async def pieces():
            for start in range(0, size, len(FILLER)):
                yield FILLER[: size - start]

        return StreamingResponse(pieces(), media_type="application/octet-stream")

    @get("/endless")
    async def endless(self, request):
        async def ticks():
            try:
                while True:
                    yield b"tick"
                    await asyncio.sleep(0.01)
            finally:
                self.gone.set()

        return StreamingResponse(ticks())

    @get("/gone")
    async def when_gone(self, request):
        async with asyncio.timeout(1):
            await self.gone.wait()
        return PlainTextResponse("gone")

    @get("/levels")
    async def levels(self, request):
        self.logger.debug("a debug line", extra={"count": 3})
        self.logger.info("an info line")
        self.logger.warning("a warning")
        self.logger.error("an error\\nof two lines")
        try:
            raise KeyError("lost")
        except KeyError:
            self.logger.exception("with a trace")
        return PlainTextResponse("logged")

    @get("/print")
    async def say(self, request):
        print("printed in a handler")
        return PlainTextResponse("said")


run_plugin(Sample)
"""

Play = Callable[..., Report]


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_go()
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return go_host.build(shared / "go_host")


@pytest.fixture
def play(binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Runs the host with a plugin and some steps."""
    monkeypatch.setenv("MATTERMOST_PLUGIN_LOG_LEVEL", "DEBUG")

    def play(*steps: Step, plugin: str = PLUGIN) -> Report:
        (tmp_path / "plugin.py").write_text(plugin)
        return go_host.run(binary, tmp_path, steps, tmp_path / "host.log")

    return play


def get(url: str, **more: object) -> Step:
    return {"do": "http", "method": "GET", "url": url, **more}


def post(url: str, **more: object) -> Step:
    return {"do": "http", "method": "POST", "url": url, **more}


# Life cycle


def test_a_go_plugin_host_starts_pings_and_activates_a_plugin(play: Play) -> None:
    report = play({"do": "ping"}, {"do": "implemented"}, {"do": "activate"}, {"do": "deactivate"})
    assert report.start_error == ""
    assert report.network in ("tcp", "unix")
    assert [answer["error"] for answer in report.answers] == ["", "", "", ""]
    assert report.answers[1]["hooks"] == ["OnActivate", "OnConfigurationChange", "OnDeactivate", "ServeHTTP"]
    messages = [record["@message"] for record in report.plugin_records]
    assert messages.index("activated") < messages.index("deactivated")


def test_a_hook_that_raises_tells_the_host_its_text(play: Play) -> None:
    report = play({"do": "configuration_change"}, {"do": "ping"})
    assert "no such channel: town-square" in report.answers[0]["error"]
    assert report.answers[1]["error"] == ""


def test_shutdown_by_the_host_ends_the_process_by_itself(play: Play) -> None:
    report = play({"do": "activate"}, get("/hello/you"), {"do": "deactivate"})
    assert report.exited
    assert report.exit_code == 0
    assert report.kill_took < GRACEFUL_LIMIT
    assert "plugin exited" in report.host_messages
    assert "plugin failed to exit gracefully" not in report.host_messages


def test_shutdown_with_a_request_open_ends_the_process_by_itself(play: Play) -> None:
    report = play(post("/echo", pieces=["a"], unfinished=True, leave_open=True))
    assert report.answers[0]["body"] == "a"
    assert report.exit_code == 0
    assert report.kill_took < GRACEFUL_LIMIT
    assert "plugin failed to exit gracefully" not in report.host_messages


def test_shutdown_does_not_wait_for_an_application_that_does_not_listen(play: Play) -> None:
    report = play(post("/deaf", pieces=["a"], unfinished=True, leave_open=True))
    assert report.answers[0]["body"] == "a"
    assert report.exit_code == 0
    assert "plugin failed to exit gracefully" not in report.host_messages


def test_a_plugin_that_fails_at_import_says_why_in_the_hosts_log(play: Play) -> None:
    report = play({"do": "ping"}, plugin="import no_such_module\n")
    assert report.start_error
    assert any("No module named 'no_such_module'" in record["@message"] for record in report.plugin_records)


# HTTP


def test_a_request_and_its_response_arrive_whole(play: Play) -> None:
    step = get("/hello/wor%20ld?x=1", headers={"X-Tag": ["one", "two"], "Mattermost-User-Id": ["u1"]})
    answer = play(step).answers[0]
    assert (answer["status"], answer["complete"], answer["error"]) == (201, True, "")
    assert answer["headers"]["Content-Type"] == ["application/json"]
    assert answer["headers"]["X-Made-By"] == ["sample"]
    assert answer["headers"]["Set-Cookie"] == ["a=1", "b=2"]
    assert json.loads(answer["body"]) == {
        "hello": "wor ld",
        "raw_path": "/plugins/com.example.sample/hello/wor%20ld",
        "query": "x=1",
        "root_path": "/plugins/com.example.sample",
        "client": "192.0.2.7",
        "tags": ["one", "two"],
    }


def test_each_piece_of_an_echo_comes_back_before_the_next_is_sent(play: Play) -> None:
    pieces = [f"piece {number}" for number in range(20)]
    answer = play(post("/echo", pieces=pieces, lock_step=True)).answers[0]
    assert (answer["status"], answer["complete"]) == (200, True)
    assert answer["body"] == "".join(pieces)
    assert answer["flushes"] >= len(pieces)


def test_a_response_may_come_before_the_request_is_complete(play: Play) -> None:
    answer = play(post("/early", pieces=["never read"], unfinished=True)).answers[0]
    assert (answer["status"], answer["body"], answer["complete"]) == (403, "not needed", True)
    assert answer["error"] == ""


def test_the_application_notices_that_the_host_cancelled(play: Play) -> None:
    cancelled, gone = play(get("/endless", cancel_after=12), get("/gone")).answers
    assert cancelled["code"] == "Canceled"
    assert (gone["status"], gone["body"]) == (200, "gone")


def test_twenty_mebibytes_go_up_and_come_down(play: Play) -> None:
    up, down = play(post("/digest", size=20 * MIB), get(f"/bytes/{20 * MIB}")).answers
    assert json.loads(up["body"]) == {"bytes": 20 * MIB, "sha256": hashlib.sha256(bytes(20 * MIB)).hexdigest()}
    assert (down["size"], down["complete"]) == (20 * MIB, True)
    assert down["sha256"] == hashlib.sha256(b"x" * 20 * MIB).hexdigest()
    assert down["largest_message"] <= 64 * 1024


# Output


def test_log_records_arrive_with_their_level(play: Play) -> None:
    report = play(get("/levels"))
    levels = {record["@message"]: record["@level"] for record in report.plugin_records}
    assert levels["a debug line"] == "debug"
    assert levels["an info line"] == "info"
    assert levels["a warning"] == "warn"
    assert levels["an error\nof two lines"] == "error"
    assert levels["with a trace"] == "error"


def test_fields_and_traces_arrive_in_their_record(play: Play) -> None:
    report = play(get("/levels"))
    records = {record["@message"]: record for record in report.plugin_records}
    assert records["a debug line"]["count"] == 3
    assert "KeyError: 'lost'" in records["with a trace"]["traceback"]


def test_prints_never_break_the_handshake_and_reach_the_host(play: Play) -> None:
    report = play(get("/print"), {"do": "printed", "text": "printed in a handler\n"})
    assert report.start_error == ""
    assert report.answers[1]["error"] == ""
    assert report.sync_stdout == "printed in a handler\n"
    assert "printed at import" in [record["@message"] for record in report.plugin_records]
