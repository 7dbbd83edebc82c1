"""The answerer's side of a stream of calls: what is open, and what waits to be written; no I/O."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from google.protobuf.message import DecodeError

from mattermost_plugin.calls.asking import check_entries, check_size
from mattermost_plugin.calls.limits import (
    LEAST_PIECE,
    MAX_CALLS,
    MAX_REQUEST,
    MAX_TEXT,
    MAX_WAITING,
    MESSAGE_SIZE,
    OVERHEAD,
)
from mattermost_plugin.grpc import calls_pb2 as pb
from mattermost_plugin.origin import NOWHERE, Origin
from mattermost_plugin.statuses import Status
from mattermost_plugin.tracing import Context
from mattermost_plugin.tunnel.errors import RemoteProtocolError


class Asked(NamedTuple):
    """A call that is to be answered; `timeout` is in seconds, None for any time."""

    call: int
    method: str
    timeout: float | None
    body: bytes
    origin: Origin = NOWHERE


class _Waiting:
    """An answer, or what is left of it."""

    def __init__(self, status: int, text: str, body: bytes, refused: bool) -> None:
        self.status = status
        self.text = text
        self.body = body
        self.refused = refused
        self.sent = 0

    @property
    def left(self) -> int:
        return len(self.body) - self.sent


class Answering:
    """What one end is asked on one stream.

    Args:
        max_calls: how many calls may be open.
        max_waiting: bytes of answers that may wait before no further call is begun.
    """

    def __init__(self, max_calls: int = MAX_CALLS, max_waiting: int = MAX_WAITING) -> None:
        self._max_calls = max_calls
        self._max_waiting = max_waiting
        self._last = 0
        self._open: set[int] = set()
        self._asked: OrderedDict[int, Asked] = OrderedDict()
        self._answers: OrderedDict[int, _Waiting] = OrderedDict()
        self._waiting = 0

    def receive(self, message: bytes) -> list[int]:
        """Take a message; what is asked with it comes from `next`. Returns calls that run and shall not any more.

        Raises:
            RemoteProtocolError: it is not what a peer may send.
        """
        check_size(message)
        try:
            asked = pb.Asked.FromString(message)
        except DecodeError:
            raise RemoteProtocolError("a message that does not parse") from None
        check_entries(len(asked.requests) + len(asked.cancelled))
        for request in asked.requests:
            self._ask(request)
        return [call for call in asked.cancelled if self._is_running(call)]

    def next(self) -> Asked | None:
        """The next call to be begun; None while there is none, or too many answers wait."""
        if not self._asked or self._waiting > self._max_waiting:
            return None
        return self._asked.popitem(last=False)[1]

    def answer(
        self, call: int, body: bytes = b"", status: int = Status.OK, text: str = "", *, refused: bool = False
    ) -> None:
        """Answer a call that was begun; once."""
        self._answers[call] = _Waiting(status, text[:MAX_TEXT], body, refused)
        self._waiting += len(body)

    def has_answered(self, call: int) -> bool:
        """Whether nothing is to be said any more to a call that was begun."""
        return call in self._answers or call not in self._open

    def take(self) -> bytes:
        """The next message to be sent; empty when there is none."""
        responses: list[pb.Response] = []
        size = 0
        while self._answers and size < MESSAGE_SIZE:
            call, answer = self._answers.popitem(last=False)
            response = self._piece(call, answer, max(MESSAGE_SIZE - size, LEAST_PIECE))
            responses.append(response)
            size += len(response.body) + len(response.text) + OVERHEAD
        return pb.Answered(responses=responses).SerializeToString()

    def _piece(self, call: int, answer: _Waiting, room: int) -> pb.Response:
        """What has room of an answer; the rest of it has its turn after the others."""
        if answer.sent == 0 and len(answer.body) <= room:  # as nearly always
            piece = answer.body
        else:
            piece = answer.body[answer.sent : answer.sent + room]
        answer.sent += len(piece)
        self._waiting -= len(piece)
        if answer.left:
            self._answers[call] = answer
            return pb.Response(call=call, body=piece, more=True)
        self._open.discard(call)
        return pb.Response(call=call, status=answer.status, text=answer.text, body=piece, refused=answer.refused)

    def _ask(self, request: pb.Request) -> None:
        call, method, body = request.call, request.method, request.body
        if call <= self._last:
            raise RemoteProtocolError(f"call {call} after call {self._last}")
        if len(self._open) >= self._max_calls:
            raise RemoteProtocolError(f"more than {self._max_calls} calls at a time")
        if len(method) + len(body) > MAX_REQUEST:
            raise RemoteProtocolError(f"a request of {len(body)} bytes; at most {MAX_REQUEST} are allowed")
        self._last = call
        self._open.add(call)
        timeout = request.timeout / 1e6 if request.timeout else None
        origin = Origin(request.request_id, Context(request.traceparent, request.tracestate))
        self._asked[call] = Asked(call, method, timeout, body, origin)

    def _is_running(self, call: int) -> bool:
        """Whether a cancelled call runs; one that does not is answered here, if it is open at all."""
        if self._asked.pop(call, None) is not None:
            self.answer(call, status=Status.CANCELLED, text="the call was cancelled")
            return False
        answer = self._answers.get(call)
        if answer is not None:
            self._waiting -= answer.left
            answer.body, answer.sent, answer.status = b"", 0, Status.CANCELLED
            return False
        return call in self._open
