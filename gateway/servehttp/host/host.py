"""The workspace as a part of the gateway: opened before the plugins start and closed after they have stopped.

It is what plugins are part of, a `PluginHost`: each process gets an endpoint of the API that nobody else has, so that
who calls is known by where the call came in, and hooks go to the plugins that are connected to.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from servehttp.host.first_start import make_first_admin
from servehttp.host.rpc.server import Endpoint
from servehttp.host.workspace import Workspace, open_workspace
from servehttp.plugins.link import Link
from servehttp.settings import Settings

log = structlog.get_logger("servehttp.host")


class Host:
    """The embedded workspace of a gateway, open within `async with`.

    Args:
        settings: all settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workspace: Workspace | None = None
        self._closing = AsyncExitStack()

    @property
    def workspace(self) -> Workspace:
        """The workspace.

        Raises:
            RuntimeError: it is not open.
        """
        if self._workspace is None:
            raise RuntimeError("the workspace is not open")
        return self._workspace

    async def __aenter__(self) -> Self:
        """Open the database, bring its tables up to date, and on the very first start make an administrator."""
        settings = self._settings
        opening = open_workspace(settings.data_dir, settings.workspace)
        async with AsyncExitStack() as undo:
            self._workspace = await undo.enter_async_context(opening)
            await make_first_admin(self._workspace, settings)
            self._closing = undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget what waits for plugins, and hang up the database."""
        await self._closing.aclose()
        self._workspace = None

    async def open_endpoint(self, plugin_id: str, folder: Path) -> Endpoint:
        """The API for one process of a plugin, by the way across that the settings say."""
        settings = self._settings.workspace
        if settings.api_transport == "tcp" or plugin_id in settings.api_tcp:
            return await Endpoint.on_loopback(self.workspace, plugin_id)
        return await Endpoint.on_socket(self.workspace, plugin_id, folder)

    def connected(self, plugin_id: str, link: Link) -> None:
        """Fire hooks in a plugin."""
        self.workspace.hooks.register(plugin_id, link)

    async def disconnected(self, plugin_id: str) -> None:
        """Fire none in it, and offer its slash commands no more."""
        self.workspace.commands.unregister_all(plugin_id)
        await self.workspace.hooks.unregister(plugin_id)
