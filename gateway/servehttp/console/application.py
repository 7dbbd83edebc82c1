"""The console's routes as one ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from servehttp.console import api, pages
from servehttp.console.console import Console
from servehttp.console.problems import Problem, not_here
from servehttp.console.rendering import TEMPLATES
from servehttp.console.routes import Call

ASSETS = {"console.css": "text/css", "console.js": "text/javascript"}
"""What pages load, for anybody: there is nothing in it."""
STATIC = TEMPLATES.with_name("static")
HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

ROUTES = (*api.ROUTES, *pages.ROUTES)
"""Everything but the assets."""


def make_application(console: Console) -> ASGIApp:
    """An ASGI application for the paths of the console and of the API beside it.

    Args:
        console: whose.
    """

    async def nothing(request: Request, error: Exception) -> Response:
        """What no route is for: of pages a page, of the API JSON."""
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        tell = api.tell if path.startswith("/api/") else pages.tell
        status = error.status_code if isinstance(error, HTTPException) else 404
        problem = not_here() if status == not_here().status else Problem(status, "This is not what can be done here.")
        return tell(Call(console, request, None, b"", {}), problem)

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            return await nothing(request, HTTPException(404))
        return FileResponse(STATIC / name, media_type=ASSETS[name], headers=HEADERS)

    routes = [route.bound(console) for route in ROUTES]
    static = Route("/console/static/{name}", asset, methods=["GET"])
    application = Starlette(routes=[static, *routes], exception_handlers={HTTPException: nothing})
    application.router.redirect_slashes = False  # nothing but the table is there
    return application
