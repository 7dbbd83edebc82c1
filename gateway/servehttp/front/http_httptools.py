"""uvicorn's httptools protocol within the gateway's limits."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from mattermost_plugin.exchange import Request
from servehttp.figures import Figures
from servehttp.front.access_log import RequestRecord
from servehttp.front.admission import Admission, Admitted
from servehttp.front.asgi_cycle import ASGICycle, CycleTransport
from servehttp.front.cached_head import CachedHead, cached_head
from servehttp.front.client_connections import ClientConnections
from servehttp.front.close_delimited import CloseDelimited
from servehttp.front.direct import DirectCycle
from servehttp.front.headers import UNNAMED_STATUSES, field_lines, status_line
from servehttp.front.http_connection import LimitedConnection
from servehttp.front.http_limits import HttpLimits, bad_request, has_body, origin_form
from servehttp.front.responses import Refusal
from servehttp.front.routing import PREFIX

MAX_PIPELINED: Final = 64
"""Requests that may wait behind one that is being answered; the parser reads on, whatever the flow control."""

STATUS_LINE.update({status: status_line(status) for status in UNNAMED_STATUSES})  # uvicorn fails at these


class RequestRefused(Exception):
    """Stops the parser; `refusal` is set."""


class LimitedHttpToolsProtocol(LimitedConnection, HttpToolsProtocol):  # type: ignore[misc]  # uvicorn ends at a FIN
    """HTTP/1.1 parsed by httptools.

    Args:
        limits: what a connection may take.
        figures: where refusals are counted.
        clients: how many connections each client has.
        admission: the front's, if requests may take the fast path.
        options: uvicorn's arguments.
    """

    def __init__(
        self,
        limits: HttpLimits,
        figures: Figures,
        clients: ClientConnections,
        admission: Admission | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.start_limits(limits, figures, clients)
        self._admission = admission
        self._cycle_transport = CycleTransport(self)
        self._waiting: deque[ASGICycle] = deque()
        """What uvicorn keeps in its pipeline, as it does: the next at the right."""
        self._cached: CachedHead | None = None
        self._messages = 0
        """How many have begun in what was read last."""
        self._begun: DirectCycle | None = None
        """What took the fast path of them."""
        self._unparsed = 0
        self._head_open = False
        self._body_open = False
        self._unread_body = False
        self._upgrades = False
        """Whether the message that is being parsed turns the connection into a WebSocket's."""

    def head_open(self) -> bool:
        return self._head_open

    def body_open(self) -> bool:
        return self._body_open and self.last is self.active

    def drop_cut_request(self) -> None:
        if not (self.pipeline and (self._body_open or self._head_open)):
            return
        if self._body_open:
            self.pipeline.popleft()
            self._waiting.popleft()
            self.last = self._waiting[0] if self._waiting else self.active
        self._head_open = self._body_open = False

    def data_received(self, data: bytes) -> None:
        if self.lingering or self.postponed is not None:
            return
        self.reads += 1
        self.received += len(data)
        between = self._is_between_messages()
        if between and self._cached is not None and self._start_from_cache(self._cached, data):
            return
        self._start_read()
        self._parse(data)
        if self._unparsed > self.limits.max_header_bytes:
            long_target = self.head_open() and not self.headers and len(self.url) > self.limits.max_target_length
            self.refuse(self.limits.refuse_target() if long_target else self.limits.refuse_size())
        elif between and self._messages == 1:
            self._cached = self._cached_by(data, self._begun)

    def _start_read(self) -> None:
        self._messages = 0
        self._begun = None  # not where it is read again: the compiler would take it for settled
        self._unset_keepalive_if_required()

    def _parse(self, data: bytes) -> None:
        """Parse what was received; the parser stops behind a request for an upgrade, and goes on if none is made."""
        while data:
            self._unparsed += len(data)
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stop:
                data = self._without_upgrade() + data[stop.args[0] :]
            except httptools.HttpParserError:
                self.refuse(self.refusal or bad_request("the request is not valid HTTP/1.1"))
                return
            else:
                return
            if self._upgrades:
                self.handle_websocket_upgrade()
                self.hand_on(data)
                return

    def _without_upgrade(self) -> bytes:
        """The head whose body the parser did not read, because it asked for an upgrade; for a parser of its own."""
        if not self._unread_body:
            return b""
        self._unread_body = False
        request_line = b"%b %b HTTP/%b\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
        )
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        fields = [field for field in self.headers if field[0] != b"upgrade"]
        return request_line + field_lines(fields) + b"\r\n"

    def on_message_begin(self) -> None:
        """Without uvicorn's: it makes a scope, which the fast path does not need (`_make_scope`)."""
        self._messages += 1
        self._head_open = True
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field, less the white space behind its value, which is no part of it (RFC 9112 §5.1)."""
        name, value = name.lower(), value.rstrip(b" \t")
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        self._upgrades = self.parser.should_upgrade() and self._should_upgrade()
        self._check(method, version)
        self._unparsed = 0
        self._head_open = False
        self._unread_body = self.parser.should_upgrade() and has_body(self.headers)
        if self._unread_body:
            return
        self._body_open = True
        self.url = origin_form(self.url)
        if self._goes_directly(version) and self._begin(self._request(method)):
            return
        previous = self.cycle
        self._make_scope()
        super().on_headers_complete()
        if self.cycle is not previous:
            self._enter_cycle()

    def _check(self, method: bytes, version: str) -> None:
        if self.lingering or self.transport.is_closing():  # nothing follows the last response (RFC 9112 §9.6)
            raise RequestRefused
        self.refusal = self.limits.check_head(method, self.url, version, self.headers) or self._check_queue()
        if self.refusal is not None:
            raise RequestRefused

    def _make_scope(self) -> None:
        """What uvicorn does when a request begins, and most requests do not need."""
        url, headers = self.url, self.headers
        expected = self.expect_100_continue and self.parser.get_http_version() == "1.1"  # RFC 9110 §10.1.1
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expected
        self.scope["headers"] = headers

    @property
    def open_record(self) -> RequestRecord | None:
        """What is known of the request that is open on the fast path, if one is."""
        cycle = self.active
        return cycle.record if isinstance(cycle, DirectCycle) and not cycle.response_complete else None

    # The fast path

    def _goes_directly(self, version: str) -> bool:
        """Whether a request is of the kind that needs neither a task nor ASGI."""
        return (
            self._admission is not None
            and (self.last is None or self.last.response_complete)
            and version == "1.1"
            and not self.root_path  # or the path would begin with it
            and self.url.startswith(PREFIX)
            and self.url.isascii()  # uvicorn refuses the others
            and not self._upgrades
            and not self.expect_100_continue
        )

    def _request(self, method: bytes) -> Request:
        return Request(
            method=method.decode("ascii"),
            target=self.url,
            headers=self.headers,
            scheme=self.scheme or "http",
            client=self.client,
            server=(self.server[0], self.server[1] or 0) if self.server else None,
        )

    def _begin(self, request: Request, like: Admitted | None = None) -> bool:
        assert self._admission is not None, "nothing takes the fast path without it"
        keep_alive = not self.draining and (like is not None or self.parser.should_keep_alive())
        body_follows = like is None and has_body(self.headers)
        cycle = DirectCycle(self, self._admission, request, keep_alive, body_follows, like)
        previous, self.last = self.last, cycle  # before it begins, because it may be answered at once
        if not cycle.begin():
            self.last = previous
            return False
        self._begun = cycle
        if body_follows or not cycle.response_complete:  # what is over needs nobody to watch it
            self.active = cycle
        return True

    def _is_between_messages(self) -> bool:
        """Whether what is read now begins a request, and no other waits for its answer."""
        return not (self._head_open or self._body_open) and (self.last is None or self.last.response_complete)

    def _start_from_cache(self, cached: CachedHead, data: bytes) -> bool:
        """Begin what `data` asks, if that is known but for its target; uvicorn's parser does not see it then."""
        request = cached.request_in(data)
        if request is None:
            return False
        if self.timeout_keep_alive_task is not None:  # uvicorn's own, which its `data_received` would stop
            self._unset_keepalive_if_required()
        return self._begin(request, cached.admitted)

    def _cached_by(self, data: bytes, cycle: DirectCycle | None) -> CachedHead | None:
        """What to know the next request by after `data` began `cycle`, if anything."""
        if cycle is None or cycle.admitted is None or not cycle.keep_alive or cycle.has_body:
            return None
        room = self.limits.max_header_bytes - self.limits.size(b"", self.headers)
        return cached_head(data, self.url, cycle.request, cycle.admitted, min(self.limits.max_target_length, room))

    # For a `DirectCycle`

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    @property
    def write_paused(self) -> bool:
        return self.flow.write_paused

    def pause_body(self) -> None:
        self.flow.pause_reading()

    def resume_body(self) -> None:
        if not self.pipeline:  # otherwise uvicorn reads on once it is served
            self.flow.resume_reading()

    def complete(self, keep_alive: bool) -> None:
        if not keep_alive:
            if self.postponed is not None or (self._body_open and not self.pipeline):
                self.linger()
            else:
                self.transport.close()
        if self.pipeline:
            self.on_response_complete()
        else:  # without uvicorn's timer for keep-alive: a phase of this connection is watched anyway
            self.server_state.total_requests += 1
            if self.half_closed or self.postponed is not None:
                self.end_if_done()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.active is not None:
            self.active.resume()

    def _check_queue(self) -> Refusal | None:
        if len(self.pipeline) >= MAX_PIPELINED:
            return bad_request("too many requests are pipelined")
        if not self._upgrades:
            return None
        if has_body(self.headers):
            return bad_request("a request that asks for an upgrade must not have a body")
        if self.active is not None and not self.active.response_complete:
            return bad_request("a request that asks for an upgrade must not be pipelined")
        return None

    def _enter_cycle(self) -> None:
        self.last = cycle = ASGICycle(self.flow, self.cycle, self._cycle_transport)
        if self.pipeline:
            self._waiting.appendleft(cycle)
        else:
            self.active = cycle
        if self.draining:
            cycle.make_last()
        self.headers = []  # uvicorn would append the trailers to the scope's

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        if self.last is not None:
            self.last.feed(body)

    def on_message_complete(self) -> None:
        if self._unread_body:
            return
        self._unparsed = 0
        self._body_open = False
        if self.last is not None:
            self.last.end_body()

    def on_response_complete(self) -> None:
        following = self._waiting.pop() if self._waiting else None
        self.end_unread_expectation()
        super().on_response_complete()
        if following is not None:
            self.active = following
        self.end_if_done()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self.end_failed_handover()

    def _should_upgrade(self) -> bool:
        return self.parser.get_http_version() == "1.1" and super()._should_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self.response_due():  # on the fast path, of which uvicorn does not know: it has to wait as behind any other
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))
            return
        super()._start_asgi_task(cycle, CloseDelimited(cycle, app) if cycle.scope["http_version"] == "1.0" else app)
