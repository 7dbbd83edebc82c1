"""Test plugins: in the test's process, through what serves them in production.

pytest has these as fixtures, see docs/testing.md. Without pytest, `running` starts a plugin as a host does, and gives
what speaks to it. `servehttp.testing` has the other side: a workspace for the plugin's API, and a gateway.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattermost_plugin.testing.client import PluginClient, Upload
    from mattermost_plugin.testing.errors import BrokenResponse, CommandFailed, WebSocketClosed, WebSocketRefused
    from mattermost_plugin.testing.events import ServerSentEvent
    from mattermost_plugin.testing.hooks import HookFirer
    from mattermost_plugin.testing.job_clock import JobClock
    from mattermost_plugin.testing.lifetime import ActivationRefused, RunningPlugin, running
    from mattermost_plugin.testing.outcomes import Outcome, allowed, modified, rejected
    from mattermost_plugin.testing.responses import Response, ResponseStream
    from mattermost_plugin.testing.threaded import BlockingPlugin, blocking
    from mattermost_plugin.testing.websocket import WebSocket

__all__ = [
    "ActivationRefused",
    "BlockingPlugin",
    "BrokenResponse",
    "CommandFailed",
    "HookFirer",
    "JobClock",
    "Outcome",
    "PluginClient",
    "Response",
    "ResponseStream",
    "RunningPlugin",
    "ServerSentEvent",
    "Upload",
    "WebSocket",
    "WebSocketClosed",
    "WebSocketRefused",
    "allowed",
    "blocking",
    "modified",
    "rejected",
    "running",
]

_HOMES = {
    "ActivationRefused": "lifetime",
    "BlockingPlugin": "threaded",
    "BrokenResponse": "errors",
    "CommandFailed": "errors",
    "HookFirer": "hooks",
    "JobClock": "job_clock",
    "Outcome": "outcomes",
    "PluginClient": "client",
    "Response": "responses",
    "ResponseStream": "responses",
    "RunningPlugin": "lifetime",
    "ServerSentEvent": "events",
    "Upload": "client",
    "WebSocket": "websocket",
    "WebSocketClosed": "errors",
    "WebSocketRefused": "errors",
    "allowed": "outcomes",
    "blocking": "threaded",
    "modified": "outcomes",
    "rejected": "outcomes",
    "running": "lifetime",
}
"""Imported when they are asked for: pytest imports this package wherever it is installed, with its plugin."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
