"""go-plugin's GRPCController: the host's way to say that the process may end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from mattermost_plugin.grpc import goplugin_pb2_grpc
from mattermost_plugin.grpc.goplugin_pb2 import Empty


class ControllerServicer(goplugin_pb2_grpc.GRPCControllerServicer):
    """Serves the one call of the service.

    Args:
        shut_down: begins an orderly stop and returns at once.
    """

    def __init__(self, shut_down: Callable[[], None]) -> None:
        self._shut_down = shut_down

    async def Shutdown(self, request: Empty, context: grpc.aio.ServicerContext[Any, Any]) -> Empty:
        """Begin to stop; the answer still reaches the host."""
        self._shut_down()
        return Empty()
