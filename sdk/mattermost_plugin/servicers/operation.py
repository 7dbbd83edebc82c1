"""What a plugin's process does for who operates it: it tells its own metrics, and logs more or less."""

from __future__ import annotations

import asyncio
import sys
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from mattermost_plugin.calls.outcomes import Answer, CallContext
from mattermost_plugin.grpc import operation_pb2 as pb
from mattermost_plugin.process import logs
from mattermost_plugin.statuses import CallFailed, Status

SERVICE = pb.DESCRIPTOR.services_by_name["Operation"].full_name
GATHER = f"/{SERVICE}/Gather"
SET_LOG_LEVEL = f"/{SERVICE}/SetLogLevel"

M = TypeVar("M", bound=Message)

LIBRARY = "prometheus_client"
"""Only a plugin that has imported it can have metrics in its registry."""
LEVELS = frozenset(("debug", "info", "warning", "error", "critical"))


def operation() -> dict[str, Answer]:
    """What answers the calls of the service, by their paths."""
    return {GATHER: Gathering().answer, SET_LOG_LEVEL: set_log_level}


class Gathering:
    """Tells the metrics of prometheus_client's own registry, to one call at a time: its collectors may take long."""

    def __init__(self) -> None:
        self._running: asyncio.Future[bytes] | None = None

    async def answer(self, body: bytes, context: CallContext) -> bytes:
        """The answer to Gather."""
        largest = _read(pb.GatherRequest, body).largest
        library = sys.modules.get(LIBRARY)
        if library is None:
            return b""
        if self._running is not None and not self._running.done():
            raise CallFailed(Status.UNAVAILABLE, "the metrics are being gathered already")
        self._running = asyncio.ensure_future(asyncio.to_thread(library.generate_latest))
        text = await asyncio.shield(self._running)  # a thread goes on, whoever waits for it
        if len(text) > largest:
            raise CallFailed(Status.RESOURCE_EXHAUSTED, f"the metrics have {len(text)} bytes, more than {largest}")
        return pb.GatherResponse(text=text).SerializeToString()


async def set_log_level(body: bytes, context: CallContext) -> bytes:
    """The answer to SetLogLevel."""
    level = _read(pb.SetLogLevelRequest, body).level
    if level not in LEVELS:
        raise CallFailed(Status.INVALID_ARGUMENT, f"there is no level {level[:20]!r}")
    logs.set_level(level.upper())
    return b""


def _read(kind: type[M], body: bytes) -> M:
    try:
        return kind.FromString(body)
    except DecodeError:
        raise CallFailed(Status.INVALID_ARGUMENT, "the request cannot be read") from None
