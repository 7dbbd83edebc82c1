"""What both HTTP protocols share: time-outs, refusals, and ends that let the client read its answer.

A connection keeps no timer. Every tick of the server it is asked in which phase it is; one that lasts too long ends so:

    ANSWER   a plugin is to begin its response (direct)                     504
    STREAM   a response is under way (direct)                               broken off when nothing moves
    HEAD     a head is on its way: from accept, or from its first byte      408; closed if nothing was ever sent
    BODY     a body is wanted and nothing of it comes                       408; broken off if the response has begun
    DISCARD  the response is complete, the body is not: it is thrown away   closed
    LINGER   refused and half closed, so that the client can read why       closed
    IDLE     between two requests                                           closed
    LEAVING  no request is complete, and the server is to end               closed
    CLOSING  the client does not read what is left for it                   closed
    BUSY     the application's turn                                         not here
"""

from __future__ import annotations

import asyncio
import enum
import select
import socket
import struct
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from servehttp.front.departure import EXTENSION, Departure
from servehttp.front.direct import DirectCycle
from servehttp.front.headers import new_request_id
from servehttp.front.http_limits import HttpLimits
from servehttp.front.responses import Refusal

logger = structlog.get_logger("servehttp.front")


class Cycle(Protocol):
    """One request and its response, as uvicorn keeps them."""

    disconnected: bool
    response_started: bool
    response_complete: bool
    waiting_for_100_continue: bool
    keep_alive: bool
    message_event: asyncio.Event

    @property
    def scope(self) -> Any: ...  # uvicorn's own type for what ASGI calls a dict


class Phase(enum.Enum):
    """What a connection waits for."""

    ANSWER = enum.auto()
    STREAM = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    DISCARD = enum.auto()
    LINGER = enum.auto()
    IDLE = enum.auto()
    LEAVING = enum.auto()
    CLOSING = enum.auto()
    BUSY = enum.auto()


class CycleTransport:
    """What a cycle writes to, as far as it asks; closing it ends the response as the client must see it.

    Not an `asyncio.Transport`: what a base class keeps in slots stays in memory for good where this is compiled.
    """

    def __init__(self, connection: LimitedConnection) -> None:
        self._connection = connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._connection.transport.write(data)

    def is_closing(self) -> bool:
        return self._connection.lingering or self._connection.transport.is_closing()

    def close(self) -> None:
        self._connection.close_response()


class LimitedConnection:
    """Mixed into uvicorn's protocols, which bring `transport` and `flow`.

    Attributes:
        active: the request that is being answered, or was last.
        expects_continue: whether it came with `Expect: 100-continue`.
        reads: how often something was received.
        lingering: what still comes is thrown away.
        draining: the server is to end: the next response is the last.
    """

    transport: asyncio.Transport
    flow: FlowControl

    def start_limits(self, limits: HttpLimits) -> None:
        """Set the mixin's own state; called by `__init__`."""
        self.limits = limits
        self.active: Cycle | DirectCycle | None = None
        self.departure: Departure | DirectCycle = Departure()
        self.expects_continue = False
        self.cycle_transport: Any = CycleTransport(self)  # for uvicorn, an asyncio.Transport
        self.refusal: Refusal | None = None
        self.reads = 0
        self.lingering = False
        self.draining = False
        self._seen: tuple[Phase, object] | None = None
        self._since = 0.0
        self._timeouts = {
            Phase.ANSWER: limits.first_byte_timeout,
            Phase.STREAM: limits.idle_timeout,
            Phase.HEAD: limits.header_timeout,
            Phase.BODY: limits.body_timeout,
            Phase.DISCARD: limits.linger_timeout,
            Phase.LINGER: limits.linger_timeout,
            Phase.IDLE: limits.keep_alive_timeout,
            Phase.LEAVING: limits.drain_idle_timeout,
            Phase.CLOSING: limits.body_timeout,
        }

    def enter(self, cycle: Cycle) -> None:
        """A request is about to be answered."""
        self.active = cycle
        self.expects_continue = cycle.waiting_for_100_continue
        self.departure = departure = Departure()
        cycle.scope.setdefault("extensions", {})[EXTENSION] = departure

    def enter_direct(self, cycle: DirectCycle) -> None:
        """The same for a request that goes the short way."""
        self.active = self.departure = cycle
        self.expects_continue = False

    def head_open(self) -> bool:
        """Whether a part of a head was received."""
        raise NotImplementedError

    def body_open(self) -> bool:
        """Whether the active request's body is not complete."""
        raise NotImplementedError

    # Time

    def check_time(self, now: float) -> None:
        """End what has lasted too long; `now` is the loop's time."""
        state = self._phase()
        if state != self._seen:
            self._seen, self._since = state, now
        elif now - self._since >= self._timeouts.get(state[0], float("inf")):
            self._expire(state[0])

    def _phase(self) -> tuple[Phase, object]:
        """The phase, and what it is about: when either changes, time starts again."""
        cycle = self.active
        if isinstance(cycle, DirectCycle) and not cycle.response_complete and not self.transport.is_closing():
            if self.body_open() and not self.flow.read_paused:
                return Phase.BODY, self.reads
            return (Phase.STREAM if cycle.response_started else Phase.ANSWER), (cycle, cycle.progress)
        if self.transport.is_closing():
            return Phase.CLOSING, self.transport.get_write_buffer_size()
        if self.lingering:
            return Phase.LINGER, None
        if cycle is None or cycle.response_complete:
            if self.body_open():
                return Phase.DISCARD, cycle
            if self.draining:
                return Phase.LEAVING, self.reads
            if cycle is None or self.head_open():
                return Phase.HEAD, cycle
            return Phase.IDLE, cycle
        if self.body_open() and not self.flow.read_paused and not cycle.waiting_for_100_continue:
            return Phase.BODY, self.reads
        return Phase.BUSY, cycle

    def _expire(self, phase: Phase) -> None:
        if isinstance(self.active, DirectCycle) and phase in (Phase.ANSWER, Phase.STREAM):
            self.active.time_out()
        elif phase is Phase.BODY:
            self.refuse(Refusal(HTTPStatus.REQUEST_TIMEOUT, "the request body did not arrive in time"))
        elif phase is Phase.HEAD and self.reads:
            self.refuse(Refusal(HTTPStatus.REQUEST_TIMEOUT, "the request head did not arrive in time"))
        elif phase not in (Phase.IDLE, Phase.LEAVING) or not has_unread(self.transport):
            self.transport.abort()

    # Ends

    def drain(self) -> None:
        """End after the next response, which says so, or if no request comes for a while.

        To close what is idle at once would lose a request that is on its way, and so would closing after a response
        that did not say that it is the last one.
        """
        if self.draining:
            return
        self.draining = True
        cycle = self.last_cycle()
        if cycle is not None and not cycle.response_started:
            self.make_last(cycle)

    def make_last(self, cycle: Cycle) -> None:
        """Have a response, which has not begun, say that the connection ends with it."""
        cycle.keep_alive = False

    def last_cycle(self) -> Cycle | None:
        """The request that was read last."""
        raise NotImplementedError

    def refuse(self, refusal: Refusal) -> None:
        """Answer what cannot be served, and end the connection; a response that has begun is broken off."""
        if self.lingering or self.transport.is_closing():
            return
        client = self.transport.get_extra_info("peername")
        answered = self._may_answer()
        self.disconnect()
        if not answered:
            logger.info("connection broken off", reason=refusal.message, client=client)
            self.transport.abort()
            return
        request_id = new_request_id()
        logger.info(
            "request refused",
            status=int(refusal.status),
            reason=refusal.message,
            client=client,
            request_id=request_id.decode(),
        )
        self.transport.write(render(refusal, request_id))
        self.linger()

    def disconnect(self) -> None:
        """Tell the application that its client is gone."""
        if self.active is not None and not self.active.response_complete:
            self.departure.happen()
            self.active.disconnected = True
            self.active.message_event.set()
            self.flow.resume_writing()

    def linger(self) -> None:
        """Close for writing only: a client that still sends would otherwise lose its answer to a reset."""
        self.lingering = True
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def close_response(self) -> None:
        """What a cycle means by closing: its response is complete and the last one, or it failed."""
        cycle = self.active
        if cycle is not None and not cycle.response_complete and cycle.scope["http_version"] == "1.0":
            # The end of the connection may be the end of the body, so an orderly close would look complete.
            reset(self.transport)
        elif cycle is not None and cycle.response_complete and self.body_open():
            self.linger()
        else:
            self.transport.close()

    def end_unread_expectation(self) -> None:
        """After a response: a client that was to wait for 100 may or may not send the body, so nothing can follow."""
        if self.expects_continue and self.body_open():
            self.linger()

    def end_failed_handover(self) -> None:
        """A WebSocket implementation that cannot read a handshake says nothing; then this answers."""
        protocol = self.transport.get_protocol()
        if isinstance(protocol, WebSocketsSansIOProtocol) and not protocol.handshake_initiated:
            message = "the WebSocket handshake has a body, a header line that is too long, or too many headers"
            refusal = Refusal(HTTPStatus.BAD_REQUEST, message)
            self.transport.write(render(refusal, new_request_id()))
            self.transport.close()

    def _may_answer(self) -> bool:
        """Whether a response may be written: none has begun, and the bad bytes belong to no later request."""
        if self.active is None or self.active.response_complete:
            return True
        return self.body_open() and not self.active.response_started


def has_unread(transport: asyncio.Transport) -> bool:
    """Whether something has come that was not read yet."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


def reset(transport: asyncio.Transport) -> None:
    """End a TCP connection so that nobody takes the end for an orderly one."""
    connection = transport.get_extra_info("socket")
    with socket.fromfd(connection.fileno(), connection.family, connection.type) as duplicate:
        duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def render(refusal: Refusal, request_id: bytes) -> bytes:
    """An answer as bytes, for the time before there is an ASGI request."""
    body = refusal.body(request_id)
    lines = [
        f"HTTP/1.1 {int(refusal.status)} {HTTPStatus(refusal.status).phrase}",
        f"date: {formatdate(usegmt=True)}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        f"x-request-id: {request_id.decode()}",
        "connection: close",
        "\r\n",
    ]
    return "\r\n".join(lines).encode() + body
