"""uvicorn's h11 protocol within the gateway's limits, and stricter than h11 about line ends."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import h11
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from servehttp.figures import Figures
from servehttp.front.asgi_cycle import ASGICycle, CycleTransport, UvicornCycle
from servehttp.front.client_connections import ClientConnections
from servehttp.front.headers import UNNAMED_STATUSES
from servehttp.front.http_connection import LimitedConnection
from servehttp.front.http_limits import HttpLimits, bad_request, origin_form
from servehttp.front.responses import Refusal

CLOSE: Final = (b"connection", b"close")
CHUNKED: Final = b"\r\ntransfer-encoding: chunked\r\n"

STATUS_PHRASES.update(dict.fromkeys(UNNAMED_STATUSES, b""))  # uvicorn fails at these


class LimitedH11Connection(h11.Connection):
    """h11's connection, refusing what the limits refuse; `refusal` then says why.

    Args:
        limits: what a connection may take.

    Attributes:
        chunked: whether the response that was begun last goes out in chunks.
    """

    def __init__(self, limits: HttpLimits) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=limits.max_header_bytes)
        self._limits = limits
        self.refusal: Refusal | None = None
        self.chunked = False

    def send_with_data_passthrough(self, event: h11.Event) -> list[bytes] | None:
        data = super().send_with_data_passthrough(event)
        if isinstance(event, h11.Response):
            self.chunked = data is not None and CHUNKED in b"".join(data).lower()
        return data

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        received = self.trailing_data[0] if self.their_state is h11.IDLE else b""
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            self.refusal = self._explain(error.error_status_hint, received)
            raise
        if isinstance(event, h11.Request):
            self.refusal = self._check(event, received)
            if self.refusal is not None:
                raise h11.RemoteProtocolError(self.refusal.message, error_status_hint=self.refusal.status)
            if not event.target.startswith(b"/"):
                return _with_origin_form(event)
        return event

    def _explain(self, status: int, received: bytes) -> Refusal:
        if status != HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            return Refusal(status, "the request is not valid HTTP/1.1")
        in_target = b"\n" not in received and len(received) > self._limits.max_target_length
        return self._limits.refuse_target() if in_target else self._limits.refuse_size()

    def _check(self, request: h11.Request, received: bytes) -> Refusal | None:
        head = received[: len(received) - len(self.trailing_data[0])]
        if head.count(b"\n") != head.count(b"\r\n"):
            return bad_request("a line of the request head ends without a carriage return")
        version = request.http_version.decode("ascii")
        return self._limits.check_head(request.method, request.target, version, list(request.headers))


def _with_origin_form(request: h11.Request) -> h11.Request:
    return h11.Request(
        method=request.method,
        target=origin_form(request.target),
        headers=request.headers,
        http_version=request.http_version,
    )


class H11Cycle(ASGICycle):
    """A request that h11 parses, and whose response it frames."""

    def __init__(
        self, flow: FlowControl, cycle: UvicornCycle, transport: CycleTransport, http: LimitedH11Connection
    ) -> None:
        super().__init__(flow, cycle, transport)
        self._http = http

    @property
    def chunked(self) -> bool:
        return self._http.chunked and self._cycle.scope["method"] != "HEAD"

    def make_last(self) -> None:
        super().make_last()
        self._cycle.default_headers = [*self._cycle.default_headers, CLOSE]  # which uvicorn leaves out with this parser


class LimitedH11Protocol(LimitedConnection, H11Protocol):  # type: ignore[misc]  # uvicorn ends at every FIN
    """HTTP/1.1 parsed by h11.

    Args:
        limits: what a connection may take.
        figures: where refusals are counted.
        clients: how many connections each client has.
        options: uvicorn's arguments.
    """

    conn: h11.Connection

    def __init__(self, limits: HttpLimits, figures: Figures, clients: ClientConnections, **options: Any) -> None:
        super().__init__(**options)
        self.start_limits(limits, figures, clients)
        self._cycle_transport: Any = CycleTransport(self)  # for uvicorn, an asyncio.Transport
        self.conn = self._limited = LimitedH11Connection(limits)  # in the place of the one that uvicorn has made

    def head_open(self) -> bool:
        return self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])

    def body_open(self) -> bool:
        # An error in the midst of a response can only be one in the request's body: h11 reads no further.
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    def data_received(self, data: bytes) -> None:
        if self.lingering or self.postponed is not None:
            return
        self.reads += 1
        self.received += len(data)
        if self.conn.their_state is not h11.MUST_CLOSE:  # nothing is served behind a last request: RFC 9112 §9.6
            super().data_received(data)

    def handle_events(self) -> None:
        super().handle_events()
        self._enter_cycle()

    def _enter_cycle(self) -> None:
        if self.cycle is not None and self.cycle.transport is not self._cycle_transport:
            self.active = self.last = H11Cycle(self.flow, self.cycle, self._cycle_transport, self._limited)
            if self.draining:
                self.last.make_last()

    def on_response_complete(self) -> None:
        self.end_unread_expectation()
        super().on_response_complete()
        self.end_if_done()

    def _should_upgrade(self) -> bool:
        return self.scope["http_version"] == "1.1" and self._get_upgrade() == b"websocket"

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        super().handle_websocket_upgrade(event)
        self.end_failed_handover()
        self.hand_on(self.conn.trailing_data[0])

    def send_400_response(self, msg: str) -> None:
        self._enter_cycle()
        self.refuse(self._limited.refusal or bad_request("the request is not valid HTTP/1.1"))
