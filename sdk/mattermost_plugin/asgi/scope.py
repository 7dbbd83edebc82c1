"""A request to an ASGI connection scope, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import unquote

from mattermost_plugin.exchange import Request
from mattermost_plugin.request_id import EXTENSION
from mattermost_plugin.types import Scope

ASGI: Final = {"version": "3.0", "spec_version": "2.4"}
"""2.4: `send` raises an `OSError` after the client has gone."""

HANDSHAKE: Final = ((b"upgrade", b"websocket"), (b"connection", b"Upgrade"))
"""Belong to the connection at the edge, so they do not travel; but that is how applications know a WebSocket by its
headers, so they are told what every handshake of HTTP/1.1 has."""

WEBSOCKET_SCHEMES: Final = {"http": "ws", "https": "wss"}


STOPPING_EXTENSION: Final = "servehttp.stopping"
"""The extension by which an application learns that the server is about to stop: its `event` is set then."""


def connection_scope(request: Request, state: dict[str, Any], stopping: asyncio.Event) -> Scope:
    """The scope of one HTTP request or WebSocket; `state` is copied, as the lifespan protocol asks."""
    raw_path, _, query_string = request.target.partition(b"?")
    scope: Scope = {
        "type": "http",
        "asgi": dict(ASGI),
        "http_version": request.http_version,
        "scheme": request.scheme,
        "path": _decoded(raw_path),
        "raw_path": raw_path,
        "query_string": query_string,
        "root_path": _decoded(request.target[: request.root_length]),
        "headers": list(request.headers),
        "client": request.client,
        "server": _server(request),
        "state": state.copy(),
    }
    scope = _for_websocket(scope, request) if request.websocket else _for_http(scope, request)
    scope["extensions"][STOPPING_EXTENSION] = {"event": stopping}
    return scope


def _for_http(scope: Scope, request: Request) -> Scope:
    extensions = _extensions(request)
    if request.trailers:
        extensions["http.response.trailers"] = {}
    if request.early_hints:
        extensions["http.response.early_hint"] = {}
    scope["method"] = request.method
    scope["extensions"] = extensions
    return scope


def _for_websocket(scope: Scope, request: Request) -> Scope:
    offered = b",".join(value for name, value in request.headers if name == b"sec-websocket-protocol")
    scope["type"] = "websocket"
    scope["headers"].extend(HANDSHAKE)
    scope["scheme"] = WEBSOCKET_SCHEMES.get(request.scheme, request.scheme)
    scope["subprotocols"] = [item.strip() for item in offered.decode("latin-1").split(",") if item.strip()]
    scope["extensions"] = _extensions(request) | {"websocket.http.response": {}}
    return scope


def _extensions(request: Request) -> dict[str, dict[str, Any]]:
    return {EXTENSION: {"id": request.request_id.decode("latin-1")}} if request.request_id else {}


def _decoded(path: bytes) -> str:
    text = path.decode("ascii", "replace")
    return unquote(text) if "%" in text else text


def _server(request: Request) -> tuple[str, int | None] | None:
    """ASGI names a unix socket by its path and None."""
    if request.server is None:
        return None
    host, port = request.server
    return (host, None) if host.startswith("/") else (host, port)
