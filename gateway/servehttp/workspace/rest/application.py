"""The application: the routes of every domain, and the WebSocket."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from servehttp.settings import RestSettings
from servehttp.workspace.rest import (
    bots,
    channel_members,
    channels,
    commands,
    emoji,
    files,
    logins,
    plugins,
    post_lists,
    posts,
    preferences,
    reactions,
    roles,
    sessions,
    sidebar,
    statuses,
    system,
    team_members,
    teams,
    uploads,
    users,
)
from servehttp.workspace.rest.errors import no_route
from servehttp.workspace.rest.routes import Route
from servehttp.workspace.rest.websocket import WebSockets
from servehttp.workspace.workspace import Workspace

MODULES = (
    bots,
    channel_members,
    channels,
    commands,
    emoji,
    files,
    logins,
    plugins,
    post_lists,
    posts,
    preferences,
    reactions,
    roles,
    sessions,
    sidebar,
    statuses,
    system,
    team_members,
    teams,
    uploads,
    users,
)

ROUTES: Sequence[Route] = [route for module in MODULES for route in module.ROUTES]
"""Everything that is served below /api/v4, but for the WebSocket."""


def make_rest(workspace: Workspace, settings: RestSettings) -> ASGIApp:
    """An ASGI application for the paths that begin with /api/v4/, the WebSocket included.

    Args:
        workspace: what it shows; open as long as the application is used.
        settings: limits.
    """
    routes = [route.bound(workspace, settings) for route in ROUTES]
    sockets = WebSockets(workspace, settings)
    application = Starlette(routes=[*routes, sockets.route()], exception_handlers={HTTPException: no_route})
    application.router.redirect_slashes = False  # nothing but the table is there
    return application
