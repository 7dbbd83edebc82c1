"""Write plugins: `Plugin`, `hook`, and `run_plugin` to serve one. Routes are made with `mattermost_plugin.routing`.

In a process that a host started, importing this package keeps the real stdout for the handshake; prints go to the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mattermost_plugin import stdio
from mattermost_plugin.hooks import HookName, HookRegistrationError, hook
from mattermost_plugin.plugin import Plugin
from mattermost_plugin.runtime_config import RuntimeConfig, load_runtime_config

if TYPE_CHECKING:
    from mattermost_plugin.server import run_plugin, serve_plugin

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022  # grouped
    # Plugins
    "Plugin",
    "hook",
    "HookName",
    "HookRegistrationError",
    # Serving them
    "run_plugin",
    "serve_plugin",
    # The process
    "RuntimeConfig",
    "load_runtime_config",
    "__version__",
]

stdio.reserve_stdout()


def __getattr__(name: str) -> Any:
    """Import the server when it is first asked for: it brings grpc and Starlette, which take long to import."""
    if name not in ("run_plugin", "serve_plugin"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mattermost_plugin import server

    return getattr(server, name)
