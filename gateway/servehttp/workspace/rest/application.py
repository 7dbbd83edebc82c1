"""The application: the routes of every domain, and the WebSocket."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from mattermost_plugin import tracing
from mattermost_plugin.asgi.traced import traced
from servehttp.workspace.packages import modules_of
from servehttp.workspace.rest import handlers
from servehttp.workspace.rest.access_lines import AccessLines
from servehttp.workspace.rest.errors import no_route
from servehttp.workspace.rest.login_page import LoginPage
from servehttp.workspace.rest.routes import RestRoute
from servehttp.workspace.rest.websocket import WebSockets
from servehttp.workspace.settings import RestSettings
from servehttp.workspace.workspace import Workspace

MODULES = modules_of(handlers)
"""What has the routes of a domain each, in its list `ROUTES`."""

ROUTES: Sequence[RestRoute] = [route for module in MODULES for route in module.ROUTES]
"""Everything that is served below /api/v4, but for the WebSocket."""


def make_rest(workspace: Workspace, settings: RestSettings, *, lines: bool = False) -> ASGIApp:
    """An ASGI application for the paths that begin with /api/v4/, the WebSocket included, and for the login page.

    Args:
        workspace: what it shows; open as long as the application is used.
        settings: limits.
        lines: whether each request is logged.
    """
    routes = [route.bound(workspace, settings) for route in ROUTES]
    sockets = WebSockets(workspace, settings)
    application = Starlette(
        routes=[*routes, sockets.route(), *LoginPage(workspace).routes()], exception_handlers={HTTPException: no_route}
    )
    application.router.redirect_slashes = False  # nothing but the table is there
    return AccessLines(traced(application) if tracing.current() is not None else application, write=lines)
