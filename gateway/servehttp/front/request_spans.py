"""A span for each request, where the gateway traces: the plugin is told of it in place of what the client has said."""

from __future__ import annotations

import time
from typing import Final

from mattermost_plugin.exchange import Request
from mattermost_plugin.tracing import LONGEST, TRACEPARENT, TRACESTATE, Context, Kind, Span, Tracer
from servehttp.front.access_log import RequestRecord

PARENT: Final = TRACEPARENT.encode()
STATE: Final = TRACESTATE.encode()
SERVER_ERROR: Final = 500


class RequestSpans:
    """Begins and ends them.

    Args:
        tracer: makes them.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, record: RequestRecord) -> None:
        """A request goes to a plugin."""
        record.span = span = self._span(record)
        request = record.request
        if any(name in (PARENT, STATE) for name, _ in request.headers):
            request.headers = [header for header in request.headers if header[0] not in (PARENT, STATE)]
            request.common = None
        context = span.context
        headers = [*request.headers, (PARENT, context.traceparent.encode())]
        if context.tracestate:
            headers.append((STATE, context.tracestate.encode()))
        request.headers = headers

    def end(self, record: RequestRecord) -> None:
        """It is over; one that went to no plugin has its span at once."""
        span = record.span or self._span(record)
        span.note(
            http_request_method=record.method,
            http_response_status__code=int(record.status),
            url_path=record.path.decode("latin-1"),
            url_scheme=record.request.scheme,
            client_address=record.request.client[0] if record.request.client else "",
            servehttp_plugin__id=record.plugin_id,
            servehttp_request__id=record.request.request_id.decode(),
        )
        if record.problem is not None or record.status >= SERVER_ERROR:
            span.fail(record.problem or f"status {int(record.status)}")
        span.end()

    def _span(self, record: RequestRecord) -> Span:
        method = "WEBSOCKET" if record.is_websocket else record.method
        name = f"{method} {record.plugin_id}".rstrip()
        return self._tracer.begin(name, Kind.CALLED, _parent(record.request), time.perf_counter() - record.started)


def _parent(request: Request) -> Context:
    state = (request.header(STATE) or b"")[:LONGEST]
    return Context((request.header(PARENT) or b"").decode("latin-1"), state.decode("latin-1"))
