"""One call of the plugin API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from servehttp.logs import of_replica
from servehttp.workspace.workspace import Workspace


@dataclass
class ApiCall:
    """What a handler knows besides the request; one for each process that calls.

    Attributes:
        workspace: the workspace.
        plugin_id: who calls. It is told by the endpoint that was called, so nobody can call in another's name.
        replica: which of its replicas does; None for the only one.
        shared: it is no process of this gateway's, but of all that share the workspace: what it offers is at each.
        retired: another version has taken the plugin's place, so what the plugin offers is no more this process's to
            take back.
    """

    workspace: Workspace
    plugin_id: str
    replica: int | None = None
    shared: bool = False
    retired: bool = False

    @property
    def label(self) -> dict[str, Any]:
        """The fields by which records of the log tell who calls."""
        return {"plugin": self.plugin_id, **of_replica(self.replica)}
