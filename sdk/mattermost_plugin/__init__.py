"""Write plugins: `Plugin`, `hook`, and `run_plugin` to serve one. Routes are made with `mattermost_plugin.routing`,
what the host's API and hooks exchange is in `mattermost_plugin.models`.

In a process that a host started, importing this package keeps the real stdout for the handshake; prints go to the log.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mattermost_plugin.base_path import base_path
from mattermost_plugin.hooks import HookName, HookRegistrationError, hook
from mattermost_plugin.plugin import Plugin
from mattermost_plugin.process import stdio
from mattermost_plugin.runtime_config import RuntimeConfig, load_runtime_config

if TYPE_CHECKING:
    from mattermost_plugin.async_client import AsyncPluginAPIClient
    from mattermost_plugin.client import PluginAPIClient
    from mattermost_plugin.commands import UsageError, command
    from mattermost_plugin.exceptions import (
        AlreadyExistsError,
        NotFoundError,
        PermissionDeniedError,
        PluginAPIError,
        UnavailableError,
        ValidationError,
        convert_grpc_error,
    )
    from mattermost_plugin.identity import GatewayAuthentication, current_user, login_url
    from mattermost_plugin.jobs import daily, every
    from mattermost_plugin.models import Command, CommandResponse
    from mattermost_plugin.server import run_plugin, serve_plugin
    from mattermost_plugin.settings import Settings, SettingsError

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022  # grouped
    # Plugins
    "Plugin",
    "hook",
    "HookName",
    "HookRegistrationError",
    "command",
    "UsageError",
    "every",
    "daily",
    "Settings",
    "SettingsError",
    "current_user",
    "login_url",
    "GatewayAuthentication",
    # Serving them
    "run_plugin",
    "serve_plugin",
    # The host's API
    "PluginAPIClient",
    "AsyncPluginAPIClient",
    "Command",
    "CommandResponse",
    "PluginAPIError",
    "NotFoundError",
    "PermissionDeniedError",
    "ValidationError",
    "AlreadyExistsError",
    "UnavailableError",
    "convert_grpc_error",
    # The process
    "RuntimeConfig",
    "load_runtime_config",
    "base_path",
    "__version__",
]

stdio.reserve_stdout()
if stdio.started_by_host():
    stdio.trace_crashes()


LAZY = {
    "run_plugin": "server",
    "serve_plugin": "server",
    "command": "commands",
    "UsageError": "commands",
    "every": "jobs",
    "daily": "jobs",
    "Settings": "settings",
    "SettingsError": "settings",
    "current_user": "identity",
    "login_url": "identity",
    "GatewayAuthentication": "identity",
    "PluginAPIClient": "client",
    "AsyncPluginAPIClient": "async_client",
    "Command": "models",
    "CommandResponse": "models",
    "PluginAPIError": "exceptions",
    "NotFoundError": "exceptions",
    "PermissionDeniedError": "exceptions",
    "ValidationError": "exceptions",
    "AlreadyExistsError": "exceptions",
    "UnavailableError": "exceptions",
    "convert_grpc_error": "exceptions",
}
"""Names that are imported when they are first asked for, and from where: they bring grpc, protobuf's messages or
Starlette, which take long to import."""


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{LAZY[name]}"), name)
