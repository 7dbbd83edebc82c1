"""Mattermost's REST API v4 and its WebSocket, over the workspace."""

from servehttp.workspace.rest.application import make_rest

__all__ = ["make_rest"]
