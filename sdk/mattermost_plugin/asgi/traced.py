"""An application whose requests are spans, in a process that traces."""

from __future__ import annotations

from typing import Any, Final

from mattermost_plugin.tracing import LONGEST, TRACEPARENT, TRACESTATE, Context, Kind, Span, around
from mattermost_plugin.types import ASGIApp, Event, Receive, Scope, Send

STARTS: Final = frozenset(("http.response.start", "websocket.http.response.start"))
SERVER_ERROR: Final = 500


def parent_of(scope: Scope) -> Context:
    """The place in a trace that the headers of a request name."""
    found = {name: value for name, value in scope["headers"] if name in (TRACEPARENT.encode(), TRACESTATE.encode())}
    state = found.get(TRACESTATE.encode(), b"")[:LONGEST]
    return Context(found.get(TRACEPARENT.encode(), b"").decode("latin-1"), state.decode("latin-1"))


def traced(app: ASGIApp) -> ASGIApp:
    """The same application, with a span for each request and WebSocket, below the one that its headers name."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] == "lifespan":
            return await app(scope, receive, send)
        method = scope.get("method", "WEBSOCKET")
        with around(method, Kind.CALLED, parent_of(scope)) as span:
            span.note(http_request_method=method, url_path=scope["path"])
            return await app(scope, receive, _noting(span, send))

    return serve


def _noting(span: Span, send: Send) -> Send:
    """What sends, and has the span tell the response's status."""

    async def noting(event: Event) -> None:
        if event["type"] in STARTS:
            span.note(http_response_status__code=event["status"])
            if event["status"] >= SERVER_ERROR:
                span.fail(f"status {event['status']}")
        await send(event)

    return noting
