"""Routes made by decorators, on a plugin's methods and on a router."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from mattermost_plugin import Plugin, routing
from mattermost_plugin.routing import Router, delete, get, patch, post, put, route, websocket

VERBS = ("get", "head", "post", "put", "patch", "delete", "options")


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_answers_its_method_only(verb: str) -> None:
    async def on_router(request: Request) -> Response:
        return PlainTextResponse(request.method)

    async def on_plugin(self: object, request: Request) -> Response:
        return PlainTextResponse(request.method)

    router = Router()
    getattr(router, verb)("/")(on_router)
    plugin = type("Verbs", (Plugin,), {"endpoint": getattr(routing, verb)("/")(on_plugin)})()
    for app in (router, plugin.asgi_app()):
        client = TestClient(app)
        assert client.request(verb.upper(), "/").status_code == 200
        assert client.request("TRACE", "/").status_code == 405


def test_one_route_may_take_several_methods_and_one_method_several_routes() -> None:
    class Several(Plugin):
        @get("/a")
        @route("/b", methods=["POST", "PUT"])
        async def endpoint(self, request: Request) -> Response:
            return PlainTextResponse(request.method + request.url.path)

    client = TestClient(Several().asgi_app())
    assert client.get("/a").text == "GET/a"
    assert client.post("/b").text == "POST/b"
    assert client.put("/b").text == "PUT/b"
    assert client.get("/b").status_code == 405


def test_options_reach_starlette() -> None:
    class Named(Plugin):
        @get("/{id:int}", name="thing")
        async def endpoint(self, request: Request) -> Response:
            return PlainTextResponse(str(request.url_for("thing", id=request.path_params["id"] + 1)))

    client = TestClient(Named().asgi_app(), root_path="/plugins/p")
    assert client.get("/plugins/p/3").text == "http://testserver/plugins/p/4"


def test_routes_are_tried_in_the_order_written() -> None:
    class Ordered(Plugin):
        @get("/special")
        async def z(self, request: Request) -> Response:
            return PlainTextResponse("first")

        @get("/{any}")
        async def a(self, request: Request) -> Response:
            return PlainTextResponse("second")

    client = TestClient(Ordered().asgi_app())
    assert [client.get(path).text for path in ("/special", "/other")] == ["first", "second"]


class Parent(Plugin):
    @get("/kept")
    async def kept(self, request: Request) -> Response:
        return PlainTextResponse("parent")

    @get("/changed")
    async def changed(self, request: Request) -> Response:
        return PlainTextResponse("parent")

    @get("/moved")
    async def moved(self, request: Request) -> Response:
        return PlainTextResponse("parent")

    @get("/dropped")
    async def dropped(self, request: Request) -> Response:
        return PlainTextResponse("parent")


class Child(Parent):
    async def changed(self, request: Request) -> Response:
        return PlainTextResponse("child")

    @get("/new")
    async def moved(self, request: Request) -> Response:
        return PlainTextResponse("child")

    dropped = None  # type: ignore[assignment]  # how a method is dropped

    @get("/{any}ed")
    async def shadow(self, request: Request) -> Response:
        return PlainTextResponse("shadow")


@pytest.mark.parametrize(
    ("path", "expected"), [("/changed", "shadow"), ("/new", "child"), ("/moved", "shadow"), ("/dropped", "shadow")]
)
def test_a_subclass_inherits_overrides_and_drops_routes(path: str, expected: str) -> None:
    assert TestClient(Child().asgi_app()).get(path).text == expected


def test_an_override_without_a_decorator_keeps_the_route() -> None:
    class Plain(Parent):
        async def changed(self, request: Request) -> Response:
            return PlainTextResponse("child")

        dropped = None  # type: ignore[assignment]  # how a method is dropped

    client = TestClient(Plain().asgi_app())
    assert client.get("/kept").text == "parent"
    assert client.get("/changed").text == "child"
    assert client.get("/dropped").status_code == 404
    assert TestClient(Parent().asgi_app()).get("/changed").text == "parent"


def test_a_sync_endpoint_runs_in_a_thread() -> None:
    class Sync(Plugin):
        @get("/")
        def where(self, request: Request) -> Response:
            return PlainTextResponse(str(threading.get_ident()))

        @get("/loop")
        async def loop(self, request: Request) -> Response:
            return PlainTextResponse(str(threading.get_ident()))

    with TestClient(Sync().asgi_app()) as client:
        assert client.get("/").text != client.get("/loop").text


def test_a_websocket_is_served_by_a_method_and_by_a_router() -> None:
    async def echo(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(await ws.receive_text())
        await ws.close()

    router = Router()
    router.websocket("/echo")(echo)

    class Sockets(Plugin):
        routes = (Mount("/r", app=router),)

        @websocket("/echo")
        async def echo(self, ws: WebSocket) -> None:
            await echo(ws)

    client = TestClient(Sockets().asgi_app())
    for path in ("/echo", "/r/echo"):
        with client.websocket_connect(path) as ws:
            ws.send_text("hello")
            assert ws.receive_text() == "hello"


def test_an_endpoint_may_be_a_class() -> None:
    router = Router()

    @router.route("/")
    class Index(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            return PlainTextResponse("class")

    assert TestClient(router).get("/").text == "class"


def test_a_router_is_an_application_by_itself() -> None:
    assert TestClient(Router()).get("/nothing").status_code == 404


@pytest.mark.parametrize("decorator", [get, post, put, patch, delete, websocket, Router().get, Router().websocket])
def test_a_path_without_a_slash_is_reported_with_the_right_one(decorator: Any) -> None:
    with pytest.raises(ValueError, match=r"'hello' does not start with '/': write '/hello'"):
        decorator("hello")


def test_a_decorator_without_its_path_is_reported() -> None:
    with pytest.raises(TypeError, match="takes a path"):

        @get  # type: ignore[arg-type]  # the error is the point
        async def endpoint(request: Request) -> None: ...


def test_a_sync_websocket_endpoint_is_reported() -> None:
    with pytest.raises(TypeError, match="has to be an async function"):

        @websocket("/ws")
        def endpoint(ws: WebSocket) -> None: ...
