"""A plugin that several gateways may use: it is activated for the first of them, and deactivated when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from mattermost_plugin.calls.outcomes import Answer, CallContext
from mattermost_plugin.grpc import operation_pb2 as pb
from mattermost_plugin.grpc.hooks_lifecycle_pb2 import (
    OnActivateRequest,
    OnActivateResponse,
    OnDeactivateRequest,
    OnDeactivateResponse,
)
from mattermost_plugin.loggers import get_logger

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
    """Whether the plugin is active for those who share it.

    Args:
        hooks: its own.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._active = False
        self._turn = asyncio.Lock()

    def answers(self) -> dict[str, Answer]:
        """What answers the call for it, by its path."""
        return {ACTIVATE: self._activate}

    async def _activate(self, body: bytes, context: CallContext) -> bytes:
        async with self._turn:
            if self._active:
                return b""
            error = (await self._hooks.OnActivate(OnActivateRequest(), context)).error
            text = error.message or error.detailed_error or error.id
            self._active = not text
            return pb.ActivateResponse(error=text).SerializeToString()

    async def end(self) -> None:
        """Deactivate it, if it is active."""
        async with self._turn:
            if not self._active:
                return
            self._active = False
            answer = await self._hooks.OnDeactivate(OnDeactivateRequest(), WithoutLimit())
            if answer.HasField("error"):
                logger.error("OnDeactivate failed: %s", answer.error.message)
