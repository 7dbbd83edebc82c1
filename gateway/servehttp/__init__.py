"""The gateway: starts plugins as processes, and streams HTTP and WebSockets to them.

Public are the names below and what `docs/` describes. They are imported when they are used, so that the command line
answers without loading gRPC.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servehttp.app import GatewayApp, create_app
    from servehttp.errors import GatewayError
    from servehttp.workspace.embedding.host import WorkspaceHost
    from servehttp.workspace.settings import Settings

__all__ = ["GatewayApp", "GatewayError", "Settings", "WorkspaceHost", "create_app"]

_HOMES = {
    "GatewayApp": "servehttp.app",
    "GatewayError": "servehttp.errors",
    "Settings": "servehttp.workspace.settings",
    "WorkspaceHost": "servehttp.workspace.embedding.host",
    "create_app": "servehttp.app",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
