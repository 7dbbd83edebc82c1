"""Serving a plugin that runs under a debugger, where it may stand still for as long as somebody looks at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from servehttp.errors import GatewayError
from servehttp.plugins.manifest import discover

NEVER = 30 * 24 * 3600.0
"""Seconds that nobody waits for, and that every timer can count."""
LIFTED = (
    "plugins.start_timeout",
    "plugins.connect_timeout",
    "plugins.hook_timeout",
    "plugins.health_interval",
    "plugins.health_timeout",
    "limits.first_byte_timeout",
    "limits.idle_timeout",
    "workspace.hook_timeout",
    "workspace.plugin_http_timeout",
)
"""The settings of how long a plugin may take for anything; but not for its end."""


class DebuggingError(GatewayError):
    """It is not clear which plugin is to be debugged; the message says what to name."""

    exit_code = 2


def settings_under_debugger(plugin_dirs: Sequence[Path], port: int) -> Mapping[str, object]:
    """The settings by which the one plugin in these folders runs under a debugger, by their dotted names.

    Args:
        plugin_dirs: plugin folders, or folders of plugin folders.
        port: of 127.0.0.1, where the debugger connects.

    Raises:
        DebuggingError: there are several plugins, or there is none.
        ManifestError: its manifest cannot be used.
    """
    manifests, errors = discover(plugin_dirs)
    if errors:
        raise errors[0]
    if len(manifests) != 1:
        found = ", ".join(manifest.id for manifest in manifests) or "none"
        raise DebuggingError(f"a debugger is for one plugin, and here is {found}: name the folder of one")
    plugin_id = manifests[0].id
    of_it = {"debugpy": port, "replicas": 1, "start_timeouts": NEVER}
    return {
        **dict.fromkeys(LIFTED, NEVER),
        **{f"plugins.{name}": {plugin_id: value} for name, value in of_it.items()},
    }
