"""Requests that plugins send to the gateway from where their API is: those of clients, but for who sends them."""

from __future__ import annotations

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Serve
from mattermost_plugin.types import ASGIApp, Receive, Scope, Send
from servehttp.request_rules import SENDING_PLUGIN, is_forwarding


def answering(plugin_id: str, front: ASGIApp) -> Serve:
    """What answers a plugin's requests: the gateway, which is told whose they are.

    Args:
        plugin_id: the plugin's, known by the endpoint that the requests come in at.
        front: the gateway.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008, "reason": "WebSockets are for clients"})
            return
        headers = [header for header in scope["headers"] if not is_forwarding(header[0])]
        extensions = {**(scope.get("extensions") or {}), SENDING_PLUGIN: plugin_id}
        await front({**scope, "headers": headers, "extensions": extensions}, receive, send)

    return ASGIAdapter(app).serve
