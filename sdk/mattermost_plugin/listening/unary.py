"""Calls with one request and one response."""

from __future__ import annotations

import asyncio

from mattermost_plugin.calls.outcomes import Answer, Outcome, outcome_of
from mattermost_plugin.listening.grpc_connection import GrpcCall, Method
from mattermost_plugin.origin import enter, of_metadata
from mattermost_plugin.statuses import Status


def unary(answer: Answer, largest: int) -> Method:
    """Has calls answered.

    Args:
        answer: answers one.
        largest: bytes that a response may have; negative for any number.
    """
    return lambda call: UnaryService(call, answer, largest)


class UnaryService:
    """One such call."""

    def __init__(self, call: GrpcCall, answer: Answer, largest: int) -> None:
        self._call = call
        self._answer = answer
        self._largest = largest
        self._request: bytes | None = None
        self._task: asyncio.Task[None] | None = None

    def take(self, message: bytes, credit: int) -> None:
        if self._request is None:
            self._request = message
        self._call.consume(credit)

    def end(self) -> None:
        if self._request is None:
            self._call.finish(Status.INTERNAL, "the call brought no request")
        else:
            self._task = self._call.spawn(self._serve(self._request))

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def written(self) -> None:
        """Nothing follows the one response."""

    async def _serve(self, request: bytes) -> None:
        outcome: Outcome | None = None
        call = self._call
        enter(of_metadata(call.fields))
        try:
            outcome = await outcome_of(self._answer, call.path, request, call, self._largest)
        finally:
            self._finish(outcome or call.deadline.ending())

    def _finish(self, outcome: Outcome) -> None:
        if outcome.status == Status.OK:
            self._call.send(outcome.body)
        self._call.finish(outcome.status, outcome.text)
