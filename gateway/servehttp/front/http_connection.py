"""What both HTTP protocols share: time-outs, refusals, and ends that let the client read its answer.

A connection keeps no timer. Every tick of the server it is asked in which phase it is; one that lasts too long ends so:

    ANSWER   a plugin is to begin its response (direct)                     504
    STREAM   a response is under way (direct)                               broken off when nothing moves
    HEAD     a head is on its way: from accept, or from its first byte      408; closed if nothing was ever sent
    BODY     a body is wanted and nothing of it comes, or too little        408; broken off if the response has begun
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
from typing import Any, Final

import structlog
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from servehttp.figures import Figures
from servehttp.front.client_connections import ClientConnections
from servehttp.front.cycle import Cycle
from servehttp.front.headers import new_request_id
from servehttp.front.http_limits import HttpLimits
from servehttp.front.ledger import NOBODY, REFUSALS
from servehttp.front.presence import INTERIM, LEADING_ZERO, PROBE_AFTER
from servehttp.front.responses import RETRY_AFTER, Refusal

logger = structlog.get_logger("servehttp.front")

TOO_MANY: Final = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections are open", None, RETRY_AFTER)


TOO_MANY_OF_ONE: Final = Refusal(
    HTTPStatus.TOO_MANY_REQUESTS, "too many connections are open from this address", None, RETRY_AFTER
)


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


class LimitedConnection(asyncio.Protocol):
    """Mixed into uvicorn's protocols, which bring `transport`, `flow` and `connections`.

    Attributes:
        active: the request that is being answered, or was last.
        last: the request that was read last: others may wait between the two.
        reads: how often something was received.
        received: how many bytes.
        lingering: what still comes is thrown away.
        draining: the server is to end: the next response is the last.
        half_closed: the client sends no more; what it has asked for is still answered.
        postponed: what bad bytes are answered with, once all that came before them is answered.
    """

    transport: asyncio.Transport
    flow: FlowControl
    connections: set[Any]
    client: tuple[str, int] | None

    def start_limits(self, limits: HttpLimits, figures: Figures, clients: ClientConnections) -> None:
        """Set the mixin's own state; called by `__init__`.

        Args:
            limits: what it may take.
            figures: where refusals are counted.
            clients: how many connections each client has.
        """
        self.limits = limits
        self._figures = figures
        self._clients = clients
        self._entered = False
        self.received = 0
        self._rated: Cycle | None = None
        self._rated_from = 0
        self._rated_seconds = 0.0
        self._rated_at: float | None = None
        self.active: Cycle | None = None
        self.last: Cycle | None = None
        self.refusal: Refusal | None = None
        self.reads = 0
        self.lingering = False
        self.draining = False
        self.half_closed = False
        self.postponed: Refusal | None = None
        self._probed: tuple[object, bool] | None = None
        self._probe_at = 0.0
        self._seen: tuple[Phase, object] | None = None
        self._since = 0.0
        self._timeouts = {
            Phase.HEAD: limits.header_timeout,
            Phase.BODY: limits.body_timeout,
            Phase.DISCARD: limits.linger_timeout,
            Phase.LINGER: limits.linger_timeout,
            Phase.IDLE: limits.keep_alive_timeout,
            Phase.LEAVING: limits.drain_idle_timeout,
            Phase.CLOSING: limits.body_timeout,
        }

    def head_open(self) -> bool:
        """Whether a part of a head was received."""
        raise NotImplementedError

    def body_open(self) -> bool:
        """Whether the active request's body is not complete."""
        raise NotImplementedError

    def drop_cut_request(self) -> None:
        """Forget a request that waits behind another and whose body will never be complete."""

    def response_due(self) -> bool:
        """Whether a request is being answered, or waits to be."""
        return self.active is not None and not self.active.response_complete

    # The client

    def connection_made(self, transport: Any) -> None:
        """Turn a new client away when it is one too many: others' files are needed to start plugins."""
        super().connection_made(transport)
        self._entered = self._clients.enter(address_of(self.client))
        if not self._entered or 0 < self.limits.max_connections < len(self.connections):
            self._write_refusal(TOO_MANY if self._entered else TOO_MANY_OF_ONE, new_request_id())
            self.transport.close()  # at once: to linger would keep the file that is missing

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        if self._entered:
            self._clients.leave(address_of(self.client))
        self.disconnect()
        super().connection_lost(exc)

    def eof_received(self) -> bool:
        """The client sends no more. A body that is not complete then never will be; what is complete is answered. By
        TLS it has said goodbye: asyncio keeps no TLS connection half open."""
        if self.lingering or self.transport.is_closing():
            return False
        if self.transport.get_extra_info("sslcontext") is not None:
            self.disconnect()
            return False
        self.half_closed = True
        self.drop_cut_request()
        if self.body_open():
            cycle = self.active
            cut_short = cycle is not None and cycle.response_started and not cycle.response_complete
            self.disconnect()
            if cut_short and self._end_looks_orderly():
                reset(self.transport)
        return self.response_due() and not self.body_open()

    def probe(self, now: float) -> None:
        """Of a client that sends no more, find out once for each step of a response whether it is there at all."""
        cycle = self.active
        if cycle is None or cycle.response_complete or self.flow.write_paused:
            return
        step = (cycle, cycle.response_started)
        if step != self._probed:
            self._probed, self._probe_at = step, now + PROBE_AFTER
        elif now >= self._probe_at:
            self._probe_at = float("inf")
            self.transport.write(self._ignorable(cycle))

    def _ignorable(self, cycle: Cycle) -> bytes:
        if cycle.response_started:
            return LEADING_ZERO if cycle.chunked else b""
        return INTERIM if cycle.http_version == "1.1" else b""

    # Time

    def check_time(self, now: float) -> None:
        """End what has lasted too long; `now` is the loop's time."""
        state = self._phase()
        if state != self._seen:
            self._seen, self._since = state, now
        elif now - self._since >= self._patience(state[0]):
            self._expire(state[0])
        if self.limits.body_min_rate:
            self._check_rate(state[0], now)

    def _patience(self, phase: Phase) -> float:
        if phase in (Phase.ANSWER, Phase.STREAM) and self.active is not None:
            return self.active.patience()
        return self._timeouts.get(phase, float("inf"))

    def _check_rate(self, phase: Phase, now: float) -> None:
        """End a body that comes too slowly; only the time counts in which it is wanted."""
        cycle = self.active
        if cycle is not self._rated:
            self._rated, self._rated_from, self._rated_seconds, self._rated_at = cycle, self.received, 0.0, None
        if phase is not Phase.BODY:
            self._rated_at = None
            return
        if self._rated_at is not None:
            self._rated_seconds += now - self._rated_at
        self._rated_at = now
        received = self.received - self._rated_from
        if self._rated_seconds > self.limits.body_grace + received / self.limits.body_min_rate:
            self.refuse(Refusal(HTTPStatus.REQUEST_TIMEOUT, "the request body arrives too slowly"))

    def _phase(self) -> tuple[Phase, object]:
        """The phase, and what it is about: when either changes, time starts again."""
        cycle = self.active
        if self.transport.is_closing():
            return Phase.CLOSING, unwritten(self.transport)
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
        if self.body_open() and not self.flow.read_paused and not cycle.awaits_100:
            return Phase.BODY, self.reads
        if cycle.progress is None:
            return Phase.BUSY, cycle
        return (Phase.STREAM if cycle.response_started else Phase.ANSWER), (cycle, cycle.progress)

    def _expire(self, phase: Phase) -> None:
        if self.active is not None and phase in (Phase.ANSWER, Phase.STREAM):
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
        if self.last is not None and not self.last.response_started:
            self.last.make_last()

    def shutdown(self) -> None:
        """The server is to end, says uvicorn."""
        self.drain()

    def cut(self) -> None:
        """The server ends, and does not wait for a response any longer."""
        if self.active is not None:
            self.active.cut()

    def refuse(self, refusal: Refusal) -> None:
        """Answer what cannot be served, and end the connection. Answers leave in order: what came before is answered
        first, and of a request whose own body is bad, a response that has begun is broken off."""
        if self.lingering or self.postponed is not None or self.transport.is_closing():
            return
        self.drop_cut_request()
        if not self.response_due():
            self._answer(refusal)
        elif not self.body_open():
            self.postponed = refusal
        elif self.active is not None and self.active.response_started:
            logger.info("connection broken off", reason=refusal.message, client=self._client())
            self.disconnect()
            self.break_off()
        else:
            self.disconnect()
            self._answer(refusal)

    def _answer(self, refusal: Refusal) -> None:
        request_id = new_request_id()
        logger.info(
            "request refused",
            status=int(refusal.status),
            reason=refusal.message,
            client=self._client(),
            request_id=request_id.decode(),
        )
        self._write_refusal(refusal, request_id)
        self.linger()

    def _write_refusal(self, refusal: Refusal, request_id: bytes) -> None:
        self._figures.count(REFUSALS, (NOBODY, str(int(refusal.status))))
        self.transport.write(render(refusal, request_id))

    def _client(self) -> object:
        return self.transport.get_extra_info("peername")

    def end_if_done(self) -> None:
        """After a response, and what it made way for: end a connection on which nothing more can be asked."""
        if self.lingering or self.transport.is_closing():
            return
        if self.half_closed and self.body_open():
            self.disconnect()
            self.transport.close()
        elif self.response_due():
            return
        elif self.postponed is not None:
            self._answer(self.postponed)
        elif self.half_closed:
            self.transport.close()

    def disconnect(self) -> None:
        """Tell the application that its client is gone."""
        if self.active is not None and not self.active.response_complete:
            self.active.client_disconnected()
            self.flow.resume_writing()

    def linger(self) -> None:
        """Close for writing only: a client that still sends would otherwise lose its answer to a reset."""
        self.lingering = True
        self.flow.resume_reading()
        if self.transport.can_write_eof() and not self.half_closed:
            self.transport.write_eof()
        else:
            self.transport.close()

    def close_response(self) -> None:
        """What a cycle means by closing: its response is complete and the last one, or it failed."""
        if self.response_due():
            if self._end_looks_orderly():
                reset(self.transport)
            else:
                self.transport.close()
        elif self.active is not None and (self.body_open() or self.postponed is not None):
            self.linger()
        else:
            self.transport.close()

    def break_off(self) -> None:
        """End a response at once that cannot be completed."""
        if self._end_looks_orderly():
            reset(self.transport)
        else:
            self.transport.abort()

    def _end_looks_orderly(self) -> bool:
        """Whether the end of the connection could pass for the end of the response: it is one in HTTP/1.0, and after
        a probe some clients read the last chunk in it."""
        cycle = self.active
        return cycle is not None and (cycle.http_version == "1.0" or self._probed is not None)

    def end_unread_expectation(self) -> None:
        """After a response: a client that was to wait for 100 may or may not send the body, so nothing can follow."""
        if self.active is not None and self.active.expects_100 and self.body_open():
            self.linger()

    def end_failed_handover(self) -> None:
        """A WebSocket implementation that cannot read a handshake says nothing; then this answers."""
        protocol = self.transport.get_protocol()
        if isinstance(protocol, WebSocketsSansIOProtocol) and not protocol.handshake_initiated:
            message = "the WebSocket handshake has a body, a header line that is too long, or too many headers"
            refusal = Refusal(HTTPStatus.BAD_REQUEST, message)
            self._write_refusal(refusal, new_request_id())
            self.transport.close()

    def hand_on(self, data: bytes) -> None:
        """What came behind a WebSocket's handshake is its own."""
        protocol = self.transport.get_protocol()
        if data and isinstance(protocol, WebSocketsSansIOProtocol) and not self.transport.is_closing():
            protocol.data_received(data)


def has_unread(transport: asyncio.Transport) -> bool:
    """Whether something has come that was not read yet."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


def address_of(client: tuple[str, int] | None) -> str:
    """What connections are counted by: the peer's address; empty for those of a unix socket."""
    return client[0] if client is not None else ""


def unwritten(transport: asyncio.Transport) -> int:
    """Bytes that still are to be written; asyncio takes a TLS transport apart that is closed a second time."""
    try:
        return transport.get_write_buffer_size()
    except AttributeError:
        return 0


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
    ]
    if refusal.retry_after is not None:
        lines.append(f"retry-after: {refusal.retry_after}")
    lines.append("\r\n")
    return "\r\n".join(lines).encode() + body
