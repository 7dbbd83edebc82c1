"""The API for a plugin that runs already: no environment could tell it, so that it is told when it is connected to.

It is told a socket in a folder that only our user may enter, which is of no use to anybody else who hears of it. A port
and its token would be, and so are never told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from servehttp.errors import LinkError
from servehttp.plugins.environment import make_socket_folder, remove_socket_folder
from servehttp.plugins.host import ApiEndpoint
from servehttp.plugins.reaper import Reaper
from servehttp.settings.targets import read_target

if TYPE_CHECKING:  # the connection's module loads its libraries
    from servehttp.plugins.link import Link

FOLDER = "api"

log = structlog.get_logger("servehttp.plugins")


class AttachedApi:
    """The endpoint of one run of a plugin that is attached.

    Args:
        plugin_id: the plugin's.
        target: where it listens.
        open_endpoint: opens the API, in a folder that it makes.
        reaper: removes what is left of it should the gateway be killed.
    """

    def __init__(
        self,
        plugin_id: str,
        target: str,
        open_endpoint: Callable[[Path], Awaitable[ApiEndpoint]],
        reaper: Reaper,
    ) -> None:
        self._plugin_id = plugin_id
        self._place = read_target(target).place
        self._open_endpoint = open_endpoint
        self._reaper = reaper
        self._endpoint: ApiEndpoint | None = None
        self._folder: Path | None = None

    async def offer(self, link: Link, timeout: float) -> None:
        """Tell the plugin where the API is; without that it goes on, and the log says why.

        Args:
            link: the connection to it, which has just been made.
            timeout: seconds for its answer.
        """
        if not self._place.is_local:
            return
        try:
            endpoint = await self._open()
            if endpoint.token:
                raise LinkError("by the settings its API is at a port, whose token only processes of our own are told")
            await link.offer_api(self._plugin_id, endpoint.target, timeout)
        except (LinkError, OSError, RuntimeError) as error:
            log.warning("an attached plugin has no API", plugin=self._plugin_id, reason=str(error))
            await self.close()

    def retire(self) -> None:
        """Another version has taken the plugin's place."""
        if self._endpoint is not None:
            self._endpoint.retire()

    async def close(self) -> None:
        """Take no more calls. Idempotent."""
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            await endpoint.close()
        folder, self._folder = self._folder, None
        if folder is not None:
            await asyncio.to_thread(remove_socket_folder, folder)
            self._reaper.remove_folder(folder)

    async def _open(self) -> ApiEndpoint:
        self._folder = folder = make_socket_folder()
        self._reaper.add_folder(folder)
        self._endpoint = endpoint = await self._open_endpoint(folder / FOLDER)
        return endpoint
