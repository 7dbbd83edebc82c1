"""Serves plugins: `run_plugin` from a script, `serve_plugin` and `PluginServer` inside a program of one's own."""

from __future__ import annotations

from mattermost_plugin.process.running import run_plugin, serve_plugin
from mattermost_plugin.process.server import (
    DEFAULT_SERVER_OPTIONS,
    GO_PLUGIN_APP_PROTOCOL_VERSION,
    GO_PLUGIN_CORE_PROTOCOL_VERSION,
    PluginServer,
    format_handshake_line,
)

__all__ = [
    "DEFAULT_SERVER_OPTIONS",
    "GO_PLUGIN_APP_PROTOCOL_VERSION",
    "GO_PLUGIN_CORE_PROTOCOL_VERSION",
    "PluginServer",
    "format_handshake_line",
    "run_plugin",
    "serve_plugin",
]
