"""The REST API as the workers reach it: to them, this process is one more plugin.

It listens like a plugin, at a socket in a folder of its own, and every worker has a tunnel to it, so bodies stream,
WebSockets work, and limits are those of any plugin. It is never started or stopped by itself, and has no hooks.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc.aio

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.grpc import hooks_lifecycle_pb2, hooks_pb2_grpc
from mattermost_plugin.tunnel.servicer import TunnelServicer
from mattermost_plugin.tunnel.settings import TunnelSettings
from mattermost_plugin.types import ASGIApp
from servehttp.plugins.environment import make_socket_folder, remove_socket_folder
from servehttp.plugins.handle import Replica
from servehttp.plugins.host import API_ID
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.states import PluginState

SOCKET = "rest.sock"
STOP_GRACE = 1.0
"""Seconds that open exchanges have to end; the workers have ended before."""


class SharedApi(Replica):
    """The API, for workers to follow; it is RUNNING while it listens.

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
        self._server: grpc.aio.Server | None = None

    def queue(self) -> None:
        """It has no turn to wait for."""

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError, RuntimeError: that is not possible.
        """
        self._folder = make_socket_folder()
        self._reaper.add_folder(self._folder)
        self._server = server = grpc.aio.server()
        self._servicer.add_to_server(server)
        hooks_pb2_grpc.add_PluginHooksServicer_to_server(_Hooks(), server)
        target = f"unix:{self._folder / SOCKET}"
        server.add_insecure_port(target)
        await server.start()
        self.target = target
        self.state = PluginState.RUNNING

    async def stop(self) -> None:
        """Listen no more. Idempotent."""
        self.target = None
        self.state = PluginState.STOPPED
        if self._server is not None:
            await self._server.stop(STOP_GRACE)
            self._server = None
        if self._folder is not None:
            await asyncio.to_thread(remove_socket_folder, self._folder)
            self._reaper.remove_folder(self._folder)
            self._folder = None

    def describe(self) -> dict[str, object]:
        """What a worker is told."""
        return {"id": self.id, "state": self.state.value, "reason": None, "restarts": 0, "started_in": 0.0}


class _Hooks(hooks_pb2_grpc.PluginHooksServicer):
    async def Implemented(self, request: Any, context: Any) -> hooks_lifecycle_pb2.ImplementedResponse:
        return hooks_lifecycle_pb2.ImplementedResponse(hooks=["ServeHTTP"])
