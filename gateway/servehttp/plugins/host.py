"""What plugins are part of beside HTTP, as whoever runs them sees it: something with an API, and with hooks to fire."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the connection's module loads gRPC
    from servehttp.plugins.link import Link

API_ID = "/api/v4"
"""The id under which workers know the main process, which serves their clients the API below this path. No plugin can
have it, for theirs have no slash."""


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

    async def close(self) -> None:
        """Take no more calls."""
        ...


class PluginHost(Protocol):
    """What plugins are part of."""

    @property
    def message_size(self) -> int:
        """The largest message in bytes to and from plugins."""
        ...

    async def open_endpoint(self, plugin_id: str, folder: Path) -> ApiEndpoint:
        """Open the API for one process of a plugin, before the process starts; it is closed after the process ended.

        Args:
            plugin_id: whose calls come in there.
            folder: where a socket may lie; it is not there yet, its path is short, and only our user can reach it.

        Raises:
            OSError, RuntimeError: nothing can listen there.
        """
        ...

    def connected(self, plugin_id: str, link: Link) -> None:
        """A plugin is connected to, and is activated next: from now on hooks can reach it."""
        ...

    async def disconnected(self, plugin_id: str) -> None:
        """The connection is lost, or about to be closed. Called again without a connection, it changes nothing."""
        ...
