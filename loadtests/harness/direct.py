"""The applications of examples/bench and examples/streaming for an ASGI server alone, at the paths of the gateway.

Each sees the `root_path` that it sees as a plugin, so that one load test fits all sides.
"""

from __future__ import annotations

from typing import Any

from harness.examples import load
from mattermost_plugin.types import Receive, Scope, Send

APPLICATIONS: dict[str, Any] = {
    "/plugins/com.example.bench": load("bench", "app").app,
    "/plugins/com.example.streaming": load("streaming", "plugin").Streaming().asgi_app(),
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The application that the path begins with."""
    for root_path, application in APPLICATIONS.items():
        if scope["path"].startswith(root_path):
            scope["root_path"] = root_path
            await application(scope, receive, send)
            return
    raise LookupError(f"no application is at {scope['path']}")
