"""The plugin API for plugins on other machines, as the settings have it."""

from __future__ import annotations

import socket
from pathlib import Path

import structlog

from mattermost_plugin.targets import parse_target
from mattermost_plugin.tls import RenewedContext, TLSError, TLSFiles
from servehttp.errors import WorkspaceError
from servehttp.workspace.rpc.plugin_tokens import PluginTokens
from servehttp.workspace.rpc.remote_api import RemoteApi
from servehttp.workspace.settings import PLUGIN_TOKENS_FILE, Settings
from servehttp.workspace.workspace import Workspace

log = structlog.get_logger("servehttp.api")


def tokens_file(settings: Settings) -> Path:
    """Where the tokens of plugins stand."""
    return settings.workspace.api_tokens or settings.data_dir / PLUGIN_TOKENS_FILE


def open_remote_api(workspace: Workspace, settings: Settings, message_size: int) -> RemoteApi:
    """Listen for it, and serve it.

    Raises:
        WorkspaceError: nothing can listen there, or a file for TLS cannot be used.
    """
    own = settings.workspace
    assert own.api_listen is not None, "it is asked for"
    place = parse_target(own.api_listen)
    try:
        tls = None
        if own.api_cert is not None:
            ca = str(own.api_client_ca or "")
            tls = RenewedContext(TLSFiles(str(own.api_cert), str(own.api_key), ca), optional=True)
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        listening = socket.create_server((place.host, place.port), family=family)
    except (OSError, TLSError) as error:
        raise WorkspaceError(f"workspace.api_listen, {own.api_listen}: {error}") from None
    plugins = frozenset((*settings.plugins.remote, *settings.plugins.attach))
    log.info("plugins on other machines reach the API", address=place.text, port=listening.getsockname()[1])
    return RemoteApi(workspace, plugins, PluginTokens(tokens_file(settings)), listening, tls, message_size)
