"""gRPC's health service: whether the plugin is well, asked or watched."""

from __future__ import annotations

import asyncio

from grpc_health.v1 import health_pb2 as pb

from mattermost_plugin.calls.outcomes import CallContext
from mattermost_plugin.listening.streaming import MessageFlow
from mattermost_plugin.statuses import CallFailed, Status

SERVICE = pb.DESCRIPTOR.services_by_name["Health"].full_name
CHECK = f"/{SERVICE}/Check"
WATCH = f"/{SERVICE}/Watch"

SERVING = pb.HealthCheckResponse.SERVING
NOT_SERVING = pb.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = pb.HealthCheckResponse.SERVICE_UNKNOWN


class Health:
    """The health of everything in this process, which is one.

    Args:
        names: under which it may be asked for, beside the empty one.
    """

    def __init__(self, *names: str) -> None:
        self._names = frozenset(("", *names))
        self._serving = True
        self._changed = asyncio.Event()

    def stop_serving(self) -> None:
        """From now on it is not well."""
        self._serving = False
        self._changed.set()

    async def check(self, body: bytes, context: CallContext) -> bytes:
        """The health of one name."""
        name = pb.HealthCheckRequest.FromString(body).service
        if name not in self._names:
            raise CallFailed(Status.NOT_FOUND, "unknown service")
        return pb.HealthCheckResponse(status=SERVING if self._serving else NOT_SERVING).SerializeToString()

    async def watch(self, flow: MessageFlow) -> None:
        """The health of one name, and each change of it."""
        name = pb.HealthCheckRequest.FromString(await flow.read() or b"").service
        if name in self._names:
            if self._serving:
                await flow.write(pb.HealthCheckResponse(status=SERVING).SerializeToString())
                await self._changed.wait()
            await flow.write(pb.HealthCheckResponse(status=NOT_SERVING).SerializeToString())
        else:
            await flow.write(pb.HealthCheckResponse(status=SERVICE_UNKNOWN).SerializeToString())
        await asyncio.Event().wait()  # a watch has no end of its own
