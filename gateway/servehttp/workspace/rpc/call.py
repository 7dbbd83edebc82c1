"""One call of the plugin API."""

from __future__ import annotations

from dataclasses import dataclass

from servehttp.workspace.workspace import Workspace


@dataclass(frozen=True)
class ApiCall:
    """What a handler knows besides the request.

    Attributes:
        workspace: the workspace.
        plugin_id: who calls. It is told by the endpoint that was called, so nobody can call in another's name.
    """

    workspace: Workspace
    plugin_id: str
