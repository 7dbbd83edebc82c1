"""What plugins ask of the gateway by `async_api.http`: of each other, and of the REST API; streamed both ways."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from mattermost_plugin import AsyncPluginAPIClient, Plugin, RuntimeConfig
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.origin import Origin, enter
from mattermost_plugin.routing import get, post
from mattermost_plugin.server import PluginServer
from servehttp import WorkspaceHost, create_app
from servehttp.workspace.embedding.accounts import make_token
from servehttp.workspace.settings import Settings
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

ASKING, ANSWERING = "com.example.asking", "com.example.answering"
BASE = f"/plugins/{ANSWERING}"


class Answering(Plugin):
    """Tells what it is asked, and answers while it is asked."""

    def __init__(self) -> None:
        self.disconnected = asyncio.Event()

    @get("/seen")
    async def seen(self, request: Request) -> JSONResponse:
        return JSONResponse([[name, value] for name, value in request.headers.items()])

    @post("/echo")
    async def echo(self, request: Request) -> StreamingResponse:
        return StreamingResponse(request.stream())

    @post("/cut")
    async def cut(self, request: Request) -> Response:
        try:
            await request.body()
        except ClientDisconnect:
            self.disconnected.set()
        return Response()

    @get("/forever")
    async def forever(self, request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"piece"
                    await asyncio.sleep(0.01)
            finally:
                self.disconnected.set()

        return StreamingResponse(pieces())


@dataclass
class Scene:
    """A gateway with two plugins.

    Attributes:
        plugin: the one that asks.
        answering: the other one.
        token: an administrator's.
    """

    plugin: Plugin
    answering: Answering
    token: str

    @property
    def http(self) -> httpx2.AsyncClient:
        client = self.plugin.async_api.http
        client.timeout = httpx2.Timeout(PATIENCE)
        return client


@asynccontextmanager
async def scene(data: Path, **settings: Any) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        plugins: dict[str, Plugin] = {ASKING: Plugin(), ANSWERING: Answering()}
        for number, plugin in enumerate(plugins.values()):
            server = PluginServer(
                plugin, RuntimeConfig(), address=Handshake("unix", str(folder / str(number))), takes_api=True
            )
            await server.start()
            ending.push_async_callback(server.stop, 0)
        attached = {plugin_id: [f"unix:{folder / str(number)}"] for number, plugin_id in enumerate(plugins)}
        made = Settings.model_validate({"data_dir": data, "plugins": {"attach": attached}, **settings})
        host = WorkspaceHost(made)
        gateway = await ending.enter_async_context(create_app(made, [], host=host))
        await gateway.wait_started()
        answering = plugins[ANSWERING]
        assert isinstance(answering, Answering)
        yield Scene(plugins[ASKING], answering, await make_token(host.workspace, "admin"))


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with scene(tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture
async def play(shared: Scene) -> Scene:
    """The scene of tests that leave it as it was."""
    shared.answering.disconnected = asyncio.Event()
    return shared


async def test_a_request_has_the_id_of_the_one_that_it_is_made_for(play: Scene) -> None:
    enter(Origin("r-11"))
    answer = await play.http.get(f"{BASE}/seen")
    assert answer.headers["x-request-id"] == "r-11"
    assert ["x-request-id", "r-11"] in answer.json()
    own = await play.http.get(f"{BASE}/seen", headers={"X-Request-Id": "mine"})
    assert own.headers["x-request-id"] == "mine"


async def test_another_plugin_sees_who_asks_and_nobody_can_say_otherwise(tmp_path: Path) -> None:
    forged = {"Mattermost-Plugin-Id": "forged", "Mattermost-User-Id": "forged", "X-Forwarded-For": "1.1.1.1"}
    async with scene(tmp_path, server={"forwarded_allow_ips": "*"}) as play:
        answer = await play.http.get(f"{BASE}/seen", headers={**forged, "X-Own": "kept"})
    seen = [tuple(header) for header in answer.json()]
    assert [value for name, value in seen if name == "mattermost-plugin-id"] == [ASKING]
    assert ("x-own", "kept") in seen
    assert [name for name, _ in seen if name in ("mattermost-user-id", "x-forwarded-for")] == []


async def test_bodies_stream_in_both_directions_at_once(play: Scene) -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def body() -> AsyncIterator[bytes]:
        while piece := await pieces.get():
            yield piece

    pieces.put_nowait(b"first")
    async with play.http.stream("POST", f"{BASE}/echo", content=body()) as answer:
        came = answer.aiter_bytes()
        assert await anext(came) == b"first"
        pieces.put_nowait(b"second")
        assert await anext(came) == b"second"
        pieces.put_nowait(b"")
        assert [piece async for piece in came] == []


async def test_more_than_any_window_goes_through_whole(play: Scene) -> None:
    data = bytes(range(256)) * 40_000
    assert (await play.http.post(f"{BASE}/echo", content=data)).content == data


async def test_a_body_that_breaks_off_reaches_the_other_as_a_disconnect(play: Scene) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"part"
        raise RuntimeError("the file is gone")

    with pytest.raises(RuntimeError, match="the file is gone"):
        await play.http.post(f"{BASE}/cut", content=body())
    await play.answering.disconnected.wait()


async def test_a_response_that_is_not_wanted_any_more_ends_there(play: Scene) -> None:
    async with play.http.stream("GET", f"{BASE}/forever") as answer:
        assert await anext(answer.aiter_bytes())
    await play.answering.disconnected.wait()


async def test_the_limits_of_clients_hold(tmp_path: Path) -> None:
    async with scene(tmp_path, limits={"max_body_size": 10}) as play:
        assert (await play.http.post(f"{BASE}/echo", content=b"x" * 11)).status_code == 413
        assert (await play.http.get("/plugins/com.example.none/")).status_code == 404


async def test_the_rest_api_wants_a_token_as_from_anybody(play: Scene) -> None:
    assert (await play.http.get("/api/v4/users/me")).status_code == 401
    me = await play.http.get("/api/v4/users/me", headers={"Authorization": f"Bearer {play.token}"})
    assert me.json()["username"] == "admin"


async def test_another_origin_is_refused_and_a_closed_client_makes_none(tmp_path: Path) -> None:
    async with scene(tmp_path) as play:
        with pytest.raises(httpx2.UnsupportedProtocol):
            await play.http.get("http://example.com/")
        http = play.http
        await play.plugin.async_api.close()
        with pytest.raises(RuntimeError):
            await http.get(f"{BASE}/seen")


async def test_a_host_that_is_not_there_is_a_connect_error(tmp_path: Path) -> None:
    async with AsyncPluginAPIClient(f"unix:{tmp_path / 'none'}") as api:
        with pytest.raises(httpx2.ConnectError):
            await api.http.get(f"{BASE}/seen")


async def test_an_api_at_a_port_has_none() -> None:
    async with AsyncPluginAPIClient("127.0.0.1:1", token="t") as api:
        with pytest.raises(RuntimeError, match="use plugin_http"):
            _ = api.http


async def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mattermost_plugin.api.aio.host_http", raising=False)
    monkeypatch.setitem(sys.modules, "httpx2", None)
    async with AsyncPluginAPIClient(f"unix:{tmp_path / 'none'}") as api:
        with pytest.raises(ImportError, match=r"pip install 'servehttp\[http\]'"):
            _ = api.http


async def test_a_read_that_takes_too_long_is_a_time_out(play: Scene) -> None:
    may_end = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        await may_end.wait()
        yield b""

    with pytest.raises(httpx2.ReadTimeout):
        await play.http.post(f"{BASE}/cut", content=body(), timeout=httpx2.Timeout(PATIENCE, read=0.05))
    await play.answering.disconnected.wait()
