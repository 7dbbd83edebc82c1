"""What this process answers itself as the workers reach it: to them, it is one more plugin.

It listens like a plugin, at a socket in a folder of its own, and every worker has a tunnel to it, so bodies stream,
WebSockets work, and limits are those of any plugin. It is never started or stopped by itself, and has no hooks.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.calls.outcomes import CallContext
from mattermost_plugin.grpc import hooks_lifecycle_pb2, hooks_pb2
from mattermost_plugin.listening.server import Server
from mattermost_plugin.listening.unary import unary
from mattermost_plugin.tunnel.rpc import CONNECT
from mattermost_plugin.tunnel.servicer import TunnelServicer
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.types import ASGIApp
from mattermost_plugin.unix_sockets import listen_at
from servehttp.plugins.environment import make_socket_folder, remove_socket_folder
from servehttp.plugins.handle import Replica
from servehttp.plugins.host import API_ID
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.states import PluginState

IMPLEMENTED = f"/{hooks_pb2.DESCRIPTOR.services_by_name['PluginHooks'].full_name}/Implemented"
SOCKET = "rest.sock"
STOP_GRACE = 1.0
"""Seconds that open exchanges have to end; the workers have ended before."""


class SharedApi(Replica):
    """The API and the console, for workers to follow; it is RUNNING while it listens.

    Args:
        app: answers.
        tunnel: limits of the tunnels.
        reaper: removes the folder should this process be killed.
    """

    id = API_ID
    started_in = 0.0

    def __init__(self, app: ASGIApp, tunnel: TunnelSettings, reaper: Reaper) -> None:
        self._servicer = TunnelServicer(ASGIAdapter(app).serve, tunnel)
        self._reaper = reaper
        self._folder: Path | None = None
        self._server: Server | None = None

    def queue(self) -> None:
        """It has no turn to wait for."""

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: that is not possible.
        """
        self._folder = make_socket_folder()
        self._reaper.add_folder(self._folder)
        path = self._folder / SOCKET
        listening = listen_at(path)
        self._server = Server({IMPLEMENTED: unary(_implemented, -1)}, {CONNECT: self._servicer.direct.connection})
        self._server.listen([listening])
        self.target = f"unix:{path}"
        self.state = PluginState.RUNNING

    async def stop(self) -> None:
        """Listen no more. Idempotent."""
        self.target = None
        self.state = PluginState.STOPPED
        if self._server is not None:
            await self._server.stop(STOP_GRACE)
            await self._servicer.close()
            await self._server.close()
            self._server = None
        if self._folder is not None:
            await asyncio.to_thread(remove_socket_folder, self._folder)
            self._reaper.remove_folder(self._folder)
            self._folder = None

    def describe(self) -> dict[str, object]:
        """What a worker is told."""
        return {"id": self.id, "state": self.state.value, "reason": None, "restarts": 0, "started_in": 0.0}


async def _implemented(body: bytes, context: CallContext) -> bytes:
    return hooks_lifecycle_pb2.ImplementedResponse(hooks=["ServeHTTP"]).SerializeToString()
