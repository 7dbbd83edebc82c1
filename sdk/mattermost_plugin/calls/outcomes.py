"""What becomes of a unary call, whichever way it came."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from google.protobuf.message import DecodeError, Message

from mattermost_plugin.loggers import get_logger
from mattermost_plugin.statuses import CallFailed, Status

logger = get_logger(__name__)


class CallContext(Protocol):
    """What a handler knows of its call."""

    def time_remaining(self) -> float | None:
        """Seconds that are left for the answer; None for any time."""
        ...


Answer = Callable[[bytes, CallContext], Awaitable[bytes]]
"""Answers one rpc, from message to message. Raises CallFailed for any other status."""


class Outcome(NamedTuple):
    """How a call ends."""

    body: bytes = b""
    status: Status = Status.OK
    text: str = ""


UNKNOWN_METHOD = Outcome(b"", Status.UNIMPLEMENTED, "Method not found!")


class Deadline:
    """The time of a call.

    Args:
        timeout: seconds from now on; None for any time.
    """

    def __init__(self, timeout: float | None) -> None:
        self._at = None if timeout is None else time.monotonic() + timeout

    def time_remaining(self) -> float | None:
        """Seconds that are left for the answer; None for any time."""
        return None if self._at is None else max(0.0, self._at - time.monotonic())

    def ending(self) -> Outcome:
        """How a call ends that was cancelled: because its time was over, or because nobody waits for it."""
        if self.time_remaining() == 0:
            return Outcome(b"", Status.DEADLINE_EXCEEDED, "Deadline Exceeded")
        return Outcome(b"", Status.CANCELLED, "the call was cancelled")


def answering(handler: Callable[[Any, Any], Awaitable[Message]], request: type[Message]) -> Answer:
    """Has a handler of messages answer.

    Args:
        handler: takes the request and the context.
        request: the request's class.
    """

    async def answer(body: bytes, context: CallContext) -> bytes:
        try:
            asked = request.FromString(body)
        except DecodeError:
            raise CallFailed(Status.INTERNAL, "the request cannot be read") from None
        response = await handler(asked, context)
        return response.SerializeToString()

    return answer


async def outcome_of(answer: Answer, method: str, body: bytes, context: CallContext, largest: int) -> Outcome:
    """Have a call answered.

    Args:
        answer: what answers it.
        method: what is called, for the log.
        body: the request.
        context: what the handler is told of the call.
        largest: bytes that the response may have; negative for any number.
    """
    try:
        response = await answer(body, context)
    except CallFailed as failure:
        return Outcome(b"", failure.status, failure.details)
    except Exception as error:  # the border to what answers; gRPC's library says the same of it
        logger.exception("%s failed", method)
        return Outcome(b"", Status.UNKNOWN, f"Unexpected {type(error)}: {error}")
    if 0 <= largest < len(response):
        return Outcome(b"", Status.RESOURCE_EXHAUSTED, f"Sent message larger than max ({len(response)} vs. {largest})")
    return Outcome(response)
