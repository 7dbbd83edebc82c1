"""go-plugin's GRPCStdio: what the plugin prints, for a host that shows it. The host reads stderr by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from mattermost_plugin.grpc import goplugin_pb2_grpc
from mattermost_plugin.grpc.goplugin_pb2 import StdioData
from mattermost_plugin.process.stdio import PrintedLines


class StdioServicer(goplugin_pb2_grpc.GRPCStdioServicer):
    """Serves the one call of the service.

    Args:
        lines: what is printed.
    """

    def __init__(self, lines: PrintedLines) -> None:
        self._lines = lines

    async def StreamStdio(
        self, request: Empty, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[StdioData]:
        """Whole lines as they are printed, until the plugin stops."""
        with self._lines.reading() as lines:
            await context.send_initial_metadata(())  # the host may know that it misses nothing from here on
            async for data in lines:
                yield StdioData(channel=StdioData.STDOUT, data=data)
