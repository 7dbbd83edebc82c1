"""A plugin that several gateways may use: it is activated for each of them once, and deactivated when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from google.protobuf.message import DecodeError

from mattermost_plugin.calls.outcomes import Answer, CallContext
from mattermost_plugin.grpc import operation_pb2 as pb
from mattermost_plugin.grpc.hooks_lifecycle_pb2 import (
    OnActivateRequest,
    OnActivateResponse,
    OnDeactivateRequest,
    OnDeactivateResponse,
)
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.statuses import CallFailed, Status

MOST_GATEWAYS = 1000
"""That are remembered; beyond these all are forgotten, and activate it once more."""
LONGEST_NAME = 64

ACTIVATE = f"/{pb.DESCRIPTOR.services_by_name['Operation'].full_name}/Activate"

logger = get_logger("mattermost_plugin.server")


class Hooks(Protocol):
    """The hooks of a plugin's life."""

    def OnActivate(self, request: OnActivateRequest, context: CallContext) -> Awaitable[OnActivateResponse]: ...

    def OnDeactivate(self, request: OnDeactivateRequest, context: CallContext) -> Awaitable[OnDeactivateResponse]: ...


class WithoutLimit:
    """The context of a call that nobody waits for."""

    def time_remaining(self) -> float | None:
        """Any time."""
        return None


class Activation:
    """For which gateways the plugin is active.

    Args:
        hooks: its own.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._gateways: set[str] = set()
        self._turn = asyncio.Lock()

    def answers(self) -> dict[str, Answer]:
        """What answers the call for it, by its path."""
        return {ACTIVATE: self._activate}

    async def _activate(self, body: bytes, context: CallContext) -> bytes:
        gateway = _gateway(body)
        async with self._turn:
            if gateway in self._gateways:
                return b""
            error = (await self._hooks.OnActivate(OnActivateRequest(), context)).error
            text = error.message or error.detailed_error or error.id
            if not text:
                if len(self._gateways) >= MOST_GATEWAYS:
                    self._gateways.clear()
                self._gateways.add(gateway)
            return pb.ActivateResponse(error=text).SerializeToString()

    async def end(self) -> None:
        """Deactivate it, if it is active."""
        async with self._turn:
            if not self._gateways:
                return
            self._gateways.clear()
            answer = await self._hooks.OnDeactivate(OnDeactivateRequest(), WithoutLimit())
            if answer.HasField("error"):
                logger.error("OnDeactivate failed: %s", answer.error.message)


def _gateway(body: bytes) -> str:
    try:
        name = pb.ActivateRequest.FromString(body).gateway
    except DecodeError:
        raise CallFailed(Status.INVALID_ARGUMENT, "the request cannot be read") from None
    if not 0 < len(name) <= LONGEST_NAME:
        raise CallFailed(Status.INVALID_ARGUMENT, f"a gateway has a name of 1 to {LONGEST_NAME} characters")
    return name
