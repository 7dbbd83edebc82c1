"""Files of a plugin's `public` folder: by both parsers, on the fast path and without it, over real sockets."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from servehttp.front.public_files import FOR_EVER, is_hashed, media_type
from servehttp.plugins.states import PluginState
from support.client import Broken, connect, fetch
from support.front_apps import app, describe
from support.fronts import Stage, front
from support.loops import one_module_loop  # noqa: F401  # pytest uses it

pytestmark = pytest.mark.anyio

BASE = "/plugins/p/public"
TEXT = b"0123456789"

Stages = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plugin's folder."""
    folder = tmp_path / "plugin"
    (folder / "public" / "css").mkdir(parents=True)
    (folder / "public" / "page.txt").write_bytes(TEXT)
    (folder / "public" / "css" / "app.3f9c02ab.css").write_bytes(b"a {}")
    (folder / "public" / "a b.txt").write_bytes(b"spaced")
    (folder / "secret").write_bytes(b"secret")
    return folder


@pytest.fixture(params=["httptools", "h11", "plain uvicorn"])
def stage(request: pytest.FixtureRequest, tmp_path: Path, folder: Path) -> Stages:
    """The front with a plugin that has a public folder."""
    parser: dict[str, Any] = {"direct": request.param != "plain uvicorn"}
    if request.param == "h11":
        parser["parser"] = "h11"

    @asynccontextmanager
    async def staged(**options: Any) -> AsyncIterator[Stage]:
        async with front(app(describe), tmp_path, **parser, **options) as stage:
            stage.handle.folder = folder
            yield stage

    return staged


# What is served


async def test_a_file_comes_with_its_type_its_length_and_its_validators(stage: Stages) -> None:
    async with stage() as play:
        answer = await fetch(play.port, f"{BASE}/page.txt", headers=[("X-Request-Id", "r1")])
    assert (answer.status, answer.body) == (200, TEXT)
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert answer.header("content-length") == "10"
    assert answer.header("etag")
    assert answer.header("last-modified")
    assert answer.header("date")
    assert answer.header("x-request-id") == "r1"
    assert answer.header("cache-control") == "no-cache"
    assert answer.header("x-content-type-options") == "nosniff"


async def test_a_file_whose_name_tells_its_content_is_kept_for_ever(stage: Stages) -> None:
    async with stage() as play:
        answer = await fetch(play.port, f"{BASE}/css/app.3f9c02ab.css")
    assert (answer.status, answer.header("cache-control")) == (200, FOR_EVER)
    assert answer.header("content-type") == "text/css; charset=utf-8"


async def test_a_head_has_all_but_the_body(stage: Stages) -> None:
    async with stage() as play, connect(play.port) as client:
        await client.start("HEAD", f"{BASE}/page.txt")
        await client.end()
        answer = await client.answer()
    assert (answer.status, answer.body, answer.header("content-length")) == (200, b"", "10")


@pytest.mark.parametrize(
    ("asked", "status", "content", "body"),
    [
        ("bytes=2-4", 206, "bytes 2-4/10", b"234"),
        ("bytes=-3", 206, "bytes 7-9/10", b"789"),
        ("bytes=8-", 206, "bytes 8-9/10", b"89"),
        ("bytes=20-", 416, "bytes */10", b""),
    ],
)
async def test_a_part_of_a_file(stage: Stages, asked: str, status: int, content: str, body: bytes) -> None:
    async with stage() as play:
        answer = await fetch(play.port, f"{BASE}/page.txt", headers=[("Range", asked)])
    assert (answer.status, answer.header("content-range"), answer.body) == (status, content, body)


async def test_a_file_that_the_client_has_is_not_sent_again(stage: Stages) -> None:
    async with stage() as play, connect(play.port) as client:
        first = await client.request("GET", f"{BASE}/page.txt")
        etag, changed = first.header("etag") or "", first.header("last-modified") or ""
        for condition in (("If-None-Match", etag), ("If-Modified-Since", changed)):
            again = await client.request("GET", f"{BASE}/page.txt", [condition])
            assert (again.status, again.body, again.header("etag")) == (304, b"", etag)
        other = await client.request("GET", f"{BASE}/page.txt", [("If-None-Match", '"other"')])
        assert (other.status, other.body) == (200, TEXT)
        stale = await client.request("GET", f"{BASE}/page.txt", [("Range", "bytes=2-4"), ("If-Range", '"other"')])
        assert (stale.status, stale.body) == (200, TEXT)


async def test_a_name_may_be_percent_encoded(stage: Stages) -> None:
    async with stage() as play:
        assert (await fetch(play.port, f"{BASE}/a%20b.txt")).body == b"spaced"
        assert (await fetch(play.port, f"{BASE}/%70age.txt")).body == TEXT


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused(stage: Stages, method: str) -> None:
    async with stage() as play:
        answer = await fetch(play.port, f"{BASE}/page.txt", method)
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


async def test_it_is_a_line_in_the_access_log(stage: Stages) -> None:
    with capture_logs() as logs:
        async with stage() as play:
            await fetch(play.port, f"{BASE}/page.txt")
    (line,) = [log for log in logs if log["event"] == f"GET {BASE}/page.txt"]
    assert (line["status"], line["plugin"], line["bytes_out"]) == (200, "p", 10)
    assert "problem" not in line


# When


@pytest.mark.parametrize("state", [PluginState.STARTING, PluginState.RESTARTING, PluginState.FAILED])
async def test_it_is_served_while_the_plugin_is_down(stage: Stages, state: PluginState) -> None:
    async with stage() as play:
        play.handle.link, play.handle.state = None, state
        assert (await fetch(play.port, f"{BASE}/page.txt")).body == TEXT


async def test_of_a_plugin_that_is_disabled_nothing_is_served(stage: Stages) -> None:
    async with stage() as play:
        play.handle.link, play.handle.state = None, PluginState.STOPPED
        assert (await fetch(play.port, f"{BASE}/page.txt")).status == 404


async def test_a_plugin_without_the_folder_gets_these_requests_itself(stage: Stages, tmp_path: Path) -> None:
    async with stage() as play:
        for nowhere in (tmp_path, None):
            play.handle.folder = nowhere
            answer = await fetch(play.port, f"{BASE}/page.txt?x=1", "POST", body=b"body")
            seen = answer.json()
            assert (answer.status, seen["path"], seen["body"]) == (200, f"{BASE}/page.txt", "body")


async def test_what_only_looks_like_the_folder_is_the_plugins(stage: Stages) -> None:
    async with stage() as play:
        for path in ("public", "publicly/x", "x/public/page.txt", "%70ublic/page.txt"):
            assert (await fetch(play.port, f"/plugins/p/{path}")).json()["raw_path"] == f"/plugins/p/{path}"


async def test_requests_of_both_kinds_share_a_connection(stage: Stages) -> None:
    async with stage() as play, connect(play.port) as client:
        for _ in range(3):
            assert (await client.request("GET", f"{BASE}/page.txt")).body == TEXT
            assert (await client.request("GET", "/plugins/p/x")).json()["path"] == "/plugins/p/x"


# Nothing else


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nothing",
        "css",
        "css/",
        "css/nothing/more",
        "page.txt/",
        "page.txt/more",
        "/page.txt",
        "css//app.3f9c02ab.css",
        "%2fetc%2fpasswd",
        "..%2fsecret",
        "css%2f..%2f..%2fsecret",
        "%2e%2e%2fsecret",
        "..%5csecret",
        "%ff",
        "x" * 300,
        "/".join(["d"] * 40),
    ],
)
async def test_what_is_no_file_of_the_folder_is_not_found(stage: Stages, path: str) -> None:
    async with stage() as play:
        answer = await fetch(play.port, f"{BASE}/{path}")
    assert answer.status == 404
    assert answer.json()["error"]["plugin"] == "p"


@pytest.mark.parametrize("path", ["../secret", "%2e%2e/secret", "css/../../secret", "./page.txt", "page.txt%00"])
async def test_who_climbs_is_refused(stage: Stages, path: str) -> None:
    async with stage() as play:
        assert (await fetch(play.port, f"{BASE}/{path}")).status == 400


async def test_no_symbolic_link_is_followed(stage: Stages, folder: Path, tmp_path: Path) -> None:
    public = folder / "public"
    (public / "link").symlink_to(folder / "secret")
    (public / "inner").symlink_to(public / "page.txt")
    (public / "up").symlink_to(folder)
    async with stage() as play:
        for path in ("link", "inner", "up/secret"):
            assert (await fetch(play.port, f"{BASE}/{path}")).status == 404
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "public").symlink_to(folder)
        play.handle.folder = tmp_path / "other"
        assert (await fetch(play.port, f"{BASE}/secret")).json()["path"] == f"{BASE}/secret"  # the plugin's


async def test_what_is_no_regular_file_is_not_found(stage: Stages, folder: Path) -> None:
    os.mkfifo(folder / "public" / "pipe")
    async with stage() as play:
        assert (await fetch(play.port, f"{BASE}/pipe")).status == 404


# Bounds


async def test_a_file_that_becomes_shorter_breaks_the_connection(stage: Stages, folder: Path) -> None:
    large = folder / "public" / "large.bin"
    with large.open("wb") as file:
        file.truncate(64 << 20)
    async with stage() as play, connect(play.port) as client:
        await client.start("GET", f"{BASE}/large.bin")
        await client.end()
        assert (await client.head()).header("content-length") == str(64 << 20)
        os.truncate(large, 0)
        with pytest.raises(Broken):
            await client.rest()


async def test_a_client_that_reads_nothing_is_cut_off(stage: Stages, folder: Path) -> None:
    with (folder / "public" / "large.bin").open("wb") as file:
        file.truncate(256 << 20)
    with capture_logs() as logs:
        async with stage(idle_timeout=0.1) as play, connect(play.port) as client:
            await client.start("GET", f"{BASE}/large.bin")
            await client.end()
            while not (lines := [log for log in logs if log["event"] == f"GET {BASE}/large.bin"]):
                await fetch(play.port, "/livez")
    assert lines[0]["problem"]


async def test_more_files_than_a_process_can_have_open_are_a_503(
    stage: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servehttp.front.public_files._most_open", lambda: 0)
    async with stage() as play:
        answer = await fetch(play.port, f"{BASE}/page.txt")
    assert (answer.status, answer.header("retry-after")) == (503, "1")


async def test_no_descriptor_is_left_open(stage: Stages) -> None:
    async with stage() as play, connect(play.port) as client:
        await client.request("GET", "/livez")
        before = len(os.listdir("/dev/fd"))
        for path in ("page.txt", "nothing", "css/nothing", "css", "css/app.3f9c02ab.css"):
            await client.request("GET", f"{BASE}/{path}")
        while len(os.listdir("/dev/fd")) > before:  # the last one is closed after its answer
            await client.request("GET", "/livez")


# Names


@pytest.mark.parametrize(
    ("name", "hashed"),
    [
        ("app.3f9c02ab.js", True),
        ("app.3f9c02ab4de1f0a92c11.chunk.js", True),
        ("app-Bx3kP_9z.css", True),
        ("app.js", False),
        ("my-document.pdf", False),
        ("report.20261130.pdf", False),
        ("deadbeef.js", False),
        ("face-deadbeef.js", False),
        ("jquery-3.7.1.min.js", False),
        ("app.3f9c02ab", False),
    ],
)
def test_which_names_tell_the_content(name: str, hashed: bool) -> None:
    assert is_hashed(name) is hashed


@pytest.mark.parametrize(
    ("name", "type"),
    [
        ("app.js", "text/javascript"),
        ("app.mjs", "text/javascript"),
        ("page.html", "text/html"),
        ("image.svg", "image/svg+xml"),
        ("image.webp", "image/webp"),
        ("font.woff2", "font/woff2"),
        ("module.wasm", "application/wasm"),
        ("archive.tar.gz", "application/octet-stream"),
        ("nothing", "application/octet-stream"),
    ],
)
def test_types_are_the_same_on_every_machine(name: str, type: str) -> None:
    assert media_type(name) == type
