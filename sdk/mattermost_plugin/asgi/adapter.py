"""One exchange to one ASGI cycle."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from mattermost_plugin.asgi.http import HTTPCycle
from mattermost_plugin.asgi.scope import connection_scope
from mattermost_plugin.asgi.websocket import WebSocketCycle
from mattermost_plugin.exchange import PluginExchange
from mattermost_plugin.types import ASGIApp


class ASGIAdapter:
    """Serves exchanges with an ASGI application.

    Args:
        app: any ASGI 3.0 application.
        state: what its lifespan left; each request gets a copy.
    """

    def __init__(self, app: ASGIApp, state: dict[str, Any] | None = None) -> None:
        self.app = app
        self.state = state or {}

    def serve(self, exchange: PluginExchange) -> Coroutine[Any, Any, None]:
        """Runs the application for one exchange until it has ended. Only cancellation is raised."""
        scope = connection_scope(exchange.request, self.state, exchange.stopping)
        cycle = WebSocketCycle(exchange) if exchange.request.websocket else HTTPCycle(exchange)
        return cycle.run(self.app, scope)
