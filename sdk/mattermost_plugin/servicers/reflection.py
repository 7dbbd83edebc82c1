"""gRPC's reflection service, for debugging, where the package that brings it is installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from mattermost_plugin.listening.streaming import MessageFlow


def reflection(*services: str) -> dict[str, Callable[[MessageFlow], Awaitable[None]]]:
    """What serves its one call, by its path; nothing where the package is missing.

    Args:
        services: the names that it tells.
    """
    try:
        from grpc_reflection.v1alpha import reflection, reflection_pb2  # optional, and it imports gRPC's library
    except ImportError:
        return {}
    from mattermost_plugin.grpc import hooks_pb2  # noqa: F401  # all that it tells of

    servicer: Any = reflection.aio.ReflectionServicer((*services, reflection.SERVICE_NAME))

    async def serve(flow: MessageFlow) -> None:
        async for answer in servicer.ServerReflectionInfo(_requests(flow, reflection_pb2), None):
            await flow.write(answer.SerializeToString())

    return {f"/{reflection.SERVICE_NAME}/ServerReflectionInfo": serve}


async def _requests(flow: MessageFlow, messages: Any) -> AsyncIterator[Any]:
    while (message := await flow.read()) is not None:
        yield messages.ServerReflectionRequest.FromString(message)
