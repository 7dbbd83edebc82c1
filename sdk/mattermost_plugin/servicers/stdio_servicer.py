"""go-plugin's GRPCStdio: what the plugin prints, for a host that shows it. The host reads stderr by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mattermost_plugin.grpc import goplugin_pb2 as pb
from mattermost_plugin.listening.streaming import MessageFlow
from mattermost_plugin.process.stdio import PrintedLines

STREAM_STDIO = f"/{pb.DESCRIPTOR.services_by_name['GRPCStdio'].full_name}/StreamStdio"


def stream_stdio(printed: PrintedLines) -> Callable[[MessageFlow], Awaitable[None]]:
    """Serves the one call of the service: whole lines as they are printed, until the plugin stops."""

    async def serve(flow: MessageFlow) -> None:
        with printed.reading() as lines:
            flow.respond()  # the host may know that it misses nothing from here on
            async for data in lines:
                await flow.write(pb.StdioData(channel=pb.StdioData.STDOUT, data=data).SerializeToString())

    return serve
