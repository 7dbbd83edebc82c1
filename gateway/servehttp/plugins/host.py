"""What plugins are part of beside HTTP, as whoever runs them sees it: something with an API, and with hooks to fire."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from servehttp.plugins.replica_hooks import HookHost

API_ID = "/api/v4"
"""The id under which workers know the main process, which serves their clients the API below this path. No plugin can
have it, for theirs have no slash."""


LOGIN_PATH = "/login"
"""Where people log in, by a page that is the API's to serve."""


class ApiEndpoint(Protocol):
    """Where one process reaches the API."""

    @property
    def target(self) -> str:
        """As gRPC names it."""
        ...

    @property
    def token(self) -> str:
        """What each call has to bring; empty where none is needed."""
        ...

    def retire(self) -> None:
        """Another version has taken the plugin's place: what the process undoes now is that one's, and stays."""
        ...

    async def close(self) -> None:
        """Take no more calls."""
        ...


class PluginHost(HookHost, Protocol):
    """What plugins are part of."""

    @property
    def message_size(self) -> int:
        """The largest message in bytes to and from plugins."""
        ...

    async def open_endpoint(self, plugin_id: str, replica: int | None, folder: Path) -> ApiEndpoint:
        """Open the API for one process of a plugin, before the process starts; it is closed after the process ended.

        Args:
            plugin_id: whose calls come in there.
            replica: the number of the plugin's replica that the process is; None for the only one.
            folder: where a socket may lie; it is not there yet, its path is short, and only our user can reach it.

        Raises:
            OSError, RuntimeError: nothing can listen there.
        """
        ...
