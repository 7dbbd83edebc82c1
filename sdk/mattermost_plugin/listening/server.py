"""All that is called at some sockets: what has a connection for itself, and what comes by gRPC."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence

from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.listening.entrance import Entrance, Serving
from mattermost_plugin.listening.grpc_connection import Method
from mattermost_plugin.listening.grpc_server import GrpcServer
from mattermost_plugin.listening.listener import Listener
from mattermost_plugin.listening.reports import Reports


class Server:
    """Serves calls.

    Args:
        methods: what serves a call by gRPC, by its path.
        alone: what serves a connection that begins with a call of its own, by the path of that.
        limits: what a client may do by gRPC.
        tls: what the next connection speaks TLS by; None for none.
    """

    def __init__(
        self,
        methods: Mapping[str, Method],
        alone: Mapping[str, Callable[[], Serving]],
        limits: Limits | None = None,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        reports = Reports()
        self._grpc = GrpcServer(methods, limits or Limits(), reports)
        self._listener = Listener(Entrance(alone, self._grpc.connection, reports), reports, tls)

    def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Serve at sockets that listen; they are closed in the end."""
        self._listener.start(sockets)

    async def stop(self, grace: float) -> None:
        """Take no more connections and calls by gRPC; those that are open have so many seconds."""
        self._listener.stop_accepting()
        await self._grpc.close(grace)

    async def close(self) -> None:
        """Hang up on everybody who is left."""
        await self._listener.close()
