"""The plugin class: what it is made with, and the one ASGI application that it is."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from mattermost_plugin import HookName, HookRegistrationError, Plugin, PluginAPIClient, RuntimeConfig, hook
from mattermost_plugin.plugin import instantiate
from mattermost_plugin.routing import Router, get
from mattermost_plugin.serve_http.hook import HTTPRequest, HTTPResponseWriter
from mattermost_plugin.types import ASGIApp, Receive, Scope, Send


async def text(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that says where it was called."""
    await PlainTextResponse(f"app {scope['path']}")(scope, receive, send)


def test_a_plugin_has_what_it_was_made_with() -> None:
    api, config, logger = PluginAPIClient("unix:none"), RuntimeConfig(plugin_id="p"), logging.getLogger("mine")
    plugin = Plugin(api=api, config=config, logger=logger)
    assert (plugin.api, plugin.config, plugin.logger) == (api, config, logger)


def test_a_plugin_by_itself_has_a_logger_and_no_client() -> None:
    class Quiet(Plugin):
        pass

    assert Quiet().logger.name == "Quiet"
    assert Quiet().config is None
    with pytest.raises(RuntimeError, match="no API client"):
        _ = Quiet().api


class WithoutArguments(Plugin):
    def __init__(self) -> None:
        self.ready = True


class WithConfig(Plugin):
    def __init__(self, config: RuntimeConfig) -> None:
        super().__init__(config=config)


class WithAnything(Plugin):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)


@pytest.mark.parametrize("cls", [Plugin, WithoutArguments, WithConfig, WithAnything])
def test_every_way_to_write_init_can_be_served(cls: type[Plugin]) -> None:
    api, config = PluginAPIClient("unix:none"), RuntimeConfig(plugin_id="p")
    plugin = instantiate(cls, api, config)
    assert (plugin.api, plugin.config) == (api, config)


def test_an_init_that_wants_more_is_reported() -> None:
    class Demanding(Plugin):
        def __init__(self, database: str) -> None: ...

    with pytest.raises(TypeError, match="database"):
        instantiate(Demanding, None, RuntimeConfig())


def test_a_plugin_without_http_answers_404() -> None:
    assert not Plugin().serves_http()
    with TestClient(Plugin().asgi_app()) as client:
        assert client.get("/").status_code == 404


def test_decorated_methods_come_first_then_routes_then_the_application() -> None:
    async def other(request: Request) -> Response:
        return PlainTextResponse("routes")

    class Layers(Plugin):
        routes = (Route("/a", other), Route("/b", other))
        app = text

        @get("/a")
        async def a(self, request: Request) -> Response:
            return PlainTextResponse("method")

    assert Layers().serves_http()
    with TestClient(Layers().asgi_app()) as client:
        assert [client.get(path).text for path in ("/a", "/b", "/c", "/a/")] == [
            "method",
            "routes",
            "app /c",
            "app /a/",
        ]
        assert client.post("/a").status_code == 405


def test_routers_are_mounted_or_taken_as_they_are() -> None:
    notes = Router()

    @notes.get("/notes/{id:int}")
    async def read(request: Request) -> Response:
        return JSONResponse(request.path_params["id"])

    class Notes(Plugin):
        routes = (Mount("/api", app=notes), notes)

    with TestClient(Notes().asgi_app()) as client:
        assert client.get("/api/notes/7").json() == 7
        assert client.get("/notes/8").json() == 8
        assert client.get("/api/notes/seven").status_code == 404


def test_a_router_with_middleware_has_to_be_mounted() -> None:
    class Wrong(Plugin):
        routes = (Router(middleware=[Middleware(Tagging, tag=b"r")]),)

    with pytest.raises(ValueError, match="has to be mounted"):
        Wrong().asgi_app()


def test_a_function_among_the_routes_is_reported() -> None:
    class Wrong(Plugin):
        routes = (text,)  # type: ignore[assignment]  # the error is the point

    with pytest.raises(TypeError, match="is neither"):
        Wrong().asgi_app()


def test_an_application_alone_stays_as_it_is() -> None:
    class Alone(Plugin):
        app = text

    assert Alone().asgi_app() is text


def test_an_application_may_be_a_method_or_made_by_the_instance() -> None:
    class Method(Plugin):
        async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
            await PlainTextResponse(type(self).__name__)(scope, receive, send)

    class Made(Plugin):
        def __init__(self) -> None:
            self.app = text

    assert TestClient(Method().asgi_app()).get("/").text == "Method"
    assert TestClient(Made().asgi_app()).get("/").text == "app /"


def test_an_application_and_a_serve_http_handler_exclude_each_other() -> None:
    with pytest.raises(HookRegistrationError, match=r"Both has both `app` and.*mount the application"):

        class Both(Plugin):
            __qualname__ = "Both"
            app = text

            @hook
            def ServeHTTP(self, context: object, response_writer: HTTPResponseWriter, request: HTTPRequest) -> None: ...


def test_a_serve_http_handler_answers_what_no_route_does() -> None:
    class Legacy(Plugin):
        @get("/route")
        async def route(self, request: Request) -> Response:
            return PlainTextResponse("route")

        @hook(HookName.ServeHTTP)
        def serve(self, context: object, response_writer: HTTPResponseWriter, request: HTTPRequest) -> None:
            response_writer.write(f"hook {request.url}")

    with TestClient(Legacy().asgi_app()) as client:
        assert client.get("/route").text == "route"
        assert client.get("/else?x=1").text == "hook /else?x=1"


class Tagging:
    """Middleware that marks responses."""

    def __init__(self, app: ASGIApp, tag: bytes) -> None:
        self.app = app
        self.tag = tag

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def tagged(event: Any) -> None:
            if event["type"] == "http.response.start":
                event["headers"] = [*event["headers"], (b"x-tag", self.tag)]
            await send(event)

        await self.app(scope, receive, tagged)


def test_middleware_is_around_routes_and_application() -> None:
    class Tagged(Plugin):
        middleware = (Middleware(Tagging, tag=b"yes"),)
        app = text

        @get("/a")
        async def a(self, request: Request) -> Response:
            return PlainTextResponse("a")

    with TestClient(Tagged().asgi_app()) as client:
        assert client.get("/a").headers["x-tag"] == "yes"
        assert client.get("/b").headers["x-tag"] == "yes"


def test_exception_handlers_answer_what_endpoints_raise() -> None:
    async def sorry(request: Request, error: Exception) -> Response:
        return PlainTextResponse("sorry", 418)

    class Raising(Plugin):
        exception_handlers = {LookupError: sorry}  # noqa: RUF012  # as plugins write it

        @get("/")
        async def index(self, request: Request) -> Response:
            raise LookupError

    with TestClient(Raising().asgi_app()) as client:
        assert (client.get("/").status_code, client.get("/").text) == (418, "sorry")


def test_both_lifespans_run_and_their_states_are_merged() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def inner(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        events.append("application up")
        yield {"inner": "i"}
        events.append("application down")

    @asynccontextmanager
    async def outer(app: object) -> AsyncIterator[dict[str, str]]:
        events.append("plugin up")
        yield {"outer": "o"}
        events.append("plugin down")

    fastapi_app = FastAPI(lifespan=inner)

    @fastapi_app.get("/inner")
    async def read(request: Request) -> dict[str, str]:
        return {"state": request.state.inner + request.state.outer}

    class Both(Plugin):
        app = fastapi_app
        lifespan = outer

        @get("/outer")
        async def outer_state(self, request: Request) -> Response:
            return JSONResponse({"state": request.state.inner + request.state.outer})

    with TestClient(Both().asgi_app()) as client:
        assert client.get("/inner").json() == client.get("/outer").json() == {"state": "io"}
    assert events == ["application up", "plugin up", "plugin down", "application down"]


def test_a_lifespan_may_be_a_method() -> None:
    class Counting(Plugin):
        @asynccontextmanager
        async def lifespan(self, app: object) -> AsyncIterator[dict[str, object]]:
            yield {"name": type(self).__name__}

        @get("/")
        async def index(self, request: Request) -> Response:
            return PlainTextResponse(request.state.name)

    with TestClient(Counting().asgi_app()) as client:
        assert client.get("/").text == "Counting"


def test_an_application_without_lifespan_support_is_fine() -> None:
    async def http_only(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await PlainTextResponse("fine")(scope, receive, send)

    class Simple(Plugin):
        app = http_only

        @get("/a")
        async def a(self, request: Request) -> Response:
            return PlainTextResponse("a")

    with TestClient(Simple().asgi_app()) as client:
        assert client.get("/other").text == "fine"


def test_a_failing_startup_of_the_application_fails_the_plugin() -> None:
    @asynccontextmanager
    async def failing(app: object) -> AsyncIterator[None]:
        raise LookupError("no database")
        yield

    class Broken(Plugin):
        app = FastAPI(lifespan=failing)

        @get("/a")
        async def a(self, request: Request) -> Response:
            return PlainTextResponse("a")

    with pytest.raises(Exception, match="no database"), TestClient(Broken().asgi_app()):
        pass


def test_links_of_an_application_behind_routes_work_under_the_prefix() -> None:
    fastapi_app = FastAPI()

    @fastapi_app.get("/things/{id}")
    async def thing(id: int, request: Request) -> str:
        return str(request.url_for("thing", id=id + 1))

    class Linked(Plugin):
        app = fastapi_app

        @get("/a", name="thing")
        async def a(self, request: Request) -> Response:
            return PlainTextResponse("a")

    client = TestClient(Linked().asgi_app(), root_path="/plugins/linked")
    assert client.get("/plugins/linked/things/1").json() == "http://testserver/plugins/linked/things/2"


def test_websockets_go_the_same_way() -> None:
    async def routed(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text("route")
        await ws.close()

    async def rest(scope: Scope, receive: Receive, send: Send) -> None:
        ws = WebSocket(scope, receive, send)
        await ws.accept()
        await ws.send_text("app")
        await ws.close()

    class Sockets(Plugin):
        routes = (WebSocketRoute("/a", routed),)
        app = rest

    client = TestClient(Sockets().asgi_app())
    for path, expected in (("/a", "route"), ("/b", "app")):
        with client.websocket_connect(path) as ws:
            assert ws.receive_text() == expected
