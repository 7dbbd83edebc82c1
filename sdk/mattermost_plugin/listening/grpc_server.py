"""What clients of gRPC's call, over all their connections."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.listening.grpc_connection import GrpcConnection, Method
from mattermost_plugin.listening.reports import Reports
from mattermost_plugin.statuses import Status

LINGER = 1.0
"""Seconds for clients to read how their calls ended."""
STOPPING = "the server stops"


class GrpcServer:
    """Serves methods by their paths.

    Args:
        methods: what serves each call.
        limits: what a client may do.
        reports: where it is told that clients broke the protocol.
    """

    def __init__(self, methods: Mapping[str, Method], limits: Limits, reports: Reports) -> None:
        self._methods = methods
        self._limits = limits
        self._reports = reports
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[GrpcConnection] = set()
        self._closing = False

    def connection(self) -> GrpcConnection:
        """What serves a new connection."""
        made = GrpcConnection(self._methods, self._limits, self._reports, self._tasks)
        self._connections.add(made)
        made.closed.add_done_callback(lambda _: self._connections.discard(made))
        if self._closing:
            made.leave()
        return made

    async def close(self, grace: float, linger: float = LINGER) -> None:
        """Begin no more calls, give those that are open so many seconds, and hang up."""
        self._closing = True
        for connection in self._connections:
            connection.leave()
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=grace)
        finally:
            await self._end(linger)

    async def _end(self, linger: float) -> None:
        for connection in list(self._connections):
            connection.abort_calls(Status.UNAVAILABLE, STOPPING)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            if closed := [connection.closed for connection in self._connections]:
                await asyncio.wait(closed, timeout=linger)
        finally:
            for connection in list(self._connections):
                connection.drop()
