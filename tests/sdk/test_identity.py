"""Who sends a request, as a plugin's routes know it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from mattermost_plugin import GatewayAuthentication, Plugin, current_user, login_url
from mattermost_plugin.routing import get, websocket
from mattermost_plugin.testing import PluginClient, running
from servehttp.testing import FakeAPI
from support.loops import one_loop

__all__ = ["one_loop"]

pytestmark = pytest.mark.anyio


def seen(connection: Any) -> dict[str, Any]:
    user = connection.user
    return {"in": user.is_authenticated, "id": user.identity, "name": user.display_name, "may": connection.auth.scopes}


ADA = {"in": True, "id": "ada", "name": "ada", "may": ["authenticated"]}
NOBODY = {"in": False, "id": "", "name": "", "may": []}


class Club(Plugin):
    """Tells everybody who they are."""

    @get("/who")
    def who(self, request: Request) -> JSONResponse:
        return JSONResponse(seen(request))

    @get("/members")
    @requires("authenticated")
    async def members(self, request: Request) -> JSONResponse:
        return JSONResponse("welcome")

    @get("/name")
    async def name(self, request: Request) -> JSONResponse:
        user = await current_user()
        return JSONResponse(user and user.username)

    @websocket("/ws")
    async def talk(self, ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json(seen(ws))
        await ws.close()


club = pytest.mark.plugin(cls=Club)


@club
async def test_a_request_has_its_user(plugin_client: PluginClient) -> None:
    assert (await plugin_client.get("/who")).json() == NOBODY
    assert (await plugin_client.as_user("ada").get("/who")).json() == ADA


@club
async def test_a_websocket_has_its_user(plugin_client: PluginClient) -> None:
    async with plugin_client.as_user("ada").websocket("/ws") as ws:
        assert '"ada"' in str(await ws.receive())


@club
async def test_starlettes_requires_knows_who_is_logged_in(plugin_client: PluginClient) -> None:
    assert (await plugin_client.get("/members")).status == 403
    assert (await plugin_client.as_user("ada").get("/members")).json() == "welcome"


@club
async def test_the_model_of_the_user_comes_from_the_host(plugin_client: PluginClient, fake_api: FakeAPI) -> None:
    ada = fake_api.create_user("ada")
    assert (await plugin_client.get("/name")).json() is None
    assert (await plugin_client.as_user(ada.id).get("/name")).json() == "ada"
    assert (await plugin_client.as_user("x" * 26).get("/name")).status == 500


async def test_the_model_is_asked_for_once() -> None:
    class Twice(Plugin):
        @get("/")
        async def index(self, request: Request) -> JSONResponse:
            return JSONResponse(await current_user() is await request.user.fetch())

    class API:
        asked = 0

        async def get_user(self, user_id: str) -> object:
            self.asked += 1
            return object()

    api = API()
    async with running(Twice(async_api=api)) as started:
        assert (await started.client.as_user("ada").get("/")).json() is True
    assert api.asked == 1


async def test_there_is_nobody_outside_of_a_request() -> None:
    with pytest.raises(RuntimeError, match="no request is answered here"):
        await current_user()


async def test_a_plugins_own_middleware_comes_after_it() -> None:
    class Strict(GatewayAuthentication):
        async def authenticate(self, conn: Any) -> Any:
            return None

    class Own(Club):
        middleware = (Middleware(AuthenticationMiddleware, backend=Strict()),)

    async with running(Own()) as started:
        assert (await started.client.as_user("ada").get("/who")).json() == NOBODY


async def test_an_application_of_ones_own_sees_none_of_it_unless_it_asks() -> None:
    async def index(request: Request) -> Response:
        return JSONResponse(sorted({"user", "auth"} & set(request.scope)))

    class Mixed(Club):
        app = Starlette(routes=[Route("/", index)])

    async with running(Mixed()) as started:
        assert (await started.client.as_user("ada").get("/")).json() == []


async def test_an_application_of_ones_own_can_have_it_by_starlettes_middleware() -> None:
    async def index(request: Request) -> Response:
        return JSONResponse(seen(request))

    class Alone(Plugin):
        app = Starlette(
            routes=[Route("/", index)],
            middleware=[Middleware(AuthenticationMiddleware, backend=GatewayAuthentication())],
        )

    async with running(Alone()) as started:
        assert (await started.client.get("/")).json() == NOBODY
        assert (await started.client.as_user("ada").get("/")).json() == ADA


@pytest.mark.parametrize(
    ("root_path", "path", "query", "url"),
    [
        (
            "/plugins/com.example",
            "/plugins/com.example/a/b",
            b"",
            "/login?redirect_to=%2Fplugins%2Fcom.example%2Fa%2Fb",
        ),
        ("/plugins/c", "/plugins/c/", b"x=1&y=%20", "/login?redirect_to=%2Fplugins%2Fc%2F%3Fx%3D1%26y%3D%2520"),
        ("/gate/plugins/c", "/gate/plugins/c/", b"", "/gate/login?redirect_to=%2Fgate%2Fplugins%2Fc%2F"),
        ("", "/alone", b"", "/login?redirect_to=%2Falone"),
    ],
)
def test_a_login_leads_back_to_what_was_asked_for(root_path: str, path: str, query: bytes, url: str) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "root_path": root_path,
        "path": path,
        "query_string": query,
        "headers": [],
    }
    assert login_url(Request({**scope, "server": ("example.com", 80), "scheme": "http"})) == url
