"""go-plugin's GRPCController: the host's way to say that the process may end."""

from __future__ import annotations

from collections.abc import Callable

from mattermost_plugin.calls.outcomes import Answer, CallContext
from mattermost_plugin.grpc import goplugin_pb2 as pb

SHUTDOWN = f"/{pb.DESCRIPTOR.services_by_name['GRPCController'].full_name}/Shutdown"


def shutdown(begin: Callable[[], None]) -> Answer:
    """Answers the one call of the service.

    Args:
        begin: begins an orderly stop and returns at once, so that the answer still reaches the host.
    """

    async def answer(body: bytes, context: CallContext) -> bytes:
        begin()
        return pb.Empty().SerializeToString()

    return answer
