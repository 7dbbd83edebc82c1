"""The asker's side of a stream of calls: what is open, and what has been answered; no I/O."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from google.protobuf.message import DecodeError

from mattermost_plugin.calls.limits import (
    MAX_CALLS,
    MAX_ENTRIES,
    MAX_MESSAGE,
    MAX_REQUEST,
    MAX_TIMEOUT,
    MESSAGE_SIZE,
    OVERHEAD,
)
from mattermost_plugin.grpc import calls_pb2 as pb
from mattermost_plugin.origin import NOWHERE, Origin
from mattermost_plugin.statuses import Status
from mattermost_plugin.tunnel.errors import RemoteProtocolError


class Answer(NamedTuple):
    """How a call ended.

    Attributes:
        call: its number.
        status: gRPC's, as a number.
        text: what is said of it.
        body: the response message, if the status is OK.
        refused: nothing of the call was begun.
    """

    call: int
    status: int
    text: str
    body: bytes
    refused: bool


class Asking:
    """What one end asks on one stream.

    Args:
        largest: bytes that a response may have; negative for any number.
        max_calls: how many calls may be open.
    """

    def __init__(self, largest: int, max_calls: int = MAX_CALLS) -> None:
        self._largest = largest
        self._max_calls = max_calls
        self._last = 0
        self._limits: dict[int, int] = {}  # of open calls that have one of their own
        self._unsent: OrderedDict[int, pb.Request] = OrderedDict()
        self._cancelled: list[int] = []
        self._open: dict[int, bytearray | None] = {}  # what there is of an answer; None once nobody waits for it

    def takes(self, method: str, body: bytes) -> bool:
        """Whether a call may be made here now."""
        return len(self._open) < self._max_calls and len(method) + len(body) <= MAX_REQUEST

    def ask(
        self, method: str, body: bytes, timeout: float | None, origin: Origin = NOWHERE, largest: int | None = None
    ) -> int:
        """Begin a call that `takes` allows; returns its number. `largest` is what its response may have of bytes."""
        self._last = call = self._last + 1
        self._open[call] = bytearray()
        if largest is not None:
            self._limits[call] = largest
        self._unsent[call] = pb.Request(
            call=call,
            method=method,
            timeout=_microseconds(timeout),
            body=body,
            request_id=origin.request_id,
            traceparent=origin.context.traceparent,
            tracestate=origin.context.tracestate,
        )
        return call

    def give_up(self, call: int) -> None:
        """Nobody waits for the answer to an open call any more."""
        if self._unsent.pop(call, None) is not None:
            self._forget(call)
        elif self._open.get(call) is not None:
            self._open[call] = None
            self._cancelled.append(call)

    def receive(self, message: bytes) -> list[Answer]:
        """Take a message; returns the calls that have ended with it, as far as somebody waits for them.

        Raises:
            RemoteProtocolError: it is not what a peer may send.
        """
        check_size(message)
        try:
            responses = pb.Answered.FromString(message).responses
        except DecodeError:
            raise RemoteProtocolError("a message that does not parse") from None
        check_entries(len(responses))
        answers = [self._answered(response) for response in responses]
        return [answer for answer in answers if answer is not None]

    def take(self) -> bytes:
        """The next message to be sent; empty when there is none."""
        requests: list[pb.Request] = []
        size = 0
        while self._unsent and size < MESSAGE_SIZE:
            _, request = self._unsent.popitem(last=False)
            requests.append(request)
            size += request.ByteSize() + OVERHEAD
        cancelled, self._cancelled = self._cancelled, []
        return pb.Asked(requests=requests, cancelled=cancelled).SerializeToString()

    def _answered(self, response: pb.Response) -> Answer | None:
        call, body = response.call, response.body
        if call not in self._open or call in self._unsent:
            raise RemoteProtocolError(f"an answer to call {call}, which is not open")
        before, largest = self._open[call], self._limits.get(call, self._largest)
        if not response.more:
            self._forget(call)
        if before is None:
            return None
        size = len(before) + len(body)
        if 0 <= largest < size:
            return self._too_large(call, size, largest)
        if response.more:
            before += body
            return None
        whole = bytes(before) + body if before else body
        return Answer(call, response.status, response.text, whole, response.refused)

    def _forget(self, call: int) -> None:
        del self._open[call]
        self._limits.pop(call, None)

    def _too_large(self, call: int, size: int, largest: int) -> Answer:
        if call in self._open:
            self.give_up(call)
        text = f"Received message larger than max ({size} vs. {largest})"
        return Answer(call, Status.RESOURCE_EXHAUSTED, text, b"", False)


def check_size(message: bytes) -> None:
    """Accept a message's size.

    Raises:
        RemoteProtocolError: it is too large.
    """
    if len(message) > MAX_MESSAGE:
        raise RemoteProtocolError(f"a message of {len(message)} bytes; at most {MAX_MESSAGE} are allowed")


def check_entries(entries: int) -> None:
    """Accept how much is in a message.

    Raises:
        RemoteProtocolError: it is too much.
    """
    if entries > MAX_ENTRIES:
        raise RemoteProtocolError(f"a message with {entries} entries; at most {MAX_ENTRIES} are allowed")


def _microseconds(timeout: float | None) -> int:
    if timeout is None or timeout > MAX_TIMEOUT:
        return 0
    return max(1, int(timeout * 1e6))
