"""One call of the plugin API."""

from __future__ import annotations

from dataclasses import dataclass

from servehttp.workspace.workspace import Workspace


@dataclass(frozen=True)
class Call:
    """What a handler knows besides the request.

    Attributes:
        ws: The workspace.
        plugin_id: Who calls. It is told by the endpoint that was called, so nobody can call in another's name.
    """

    ws: Workspace
    plugin_id: str
