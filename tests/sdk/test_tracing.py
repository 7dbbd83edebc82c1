"""Spans of OpenTelemetry, what calls take along of them, and a process that ends while no collector answers."""

from __future__ import annotations

import atexit
import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from mattermost_plugin import opentelemetry, origin, tracing
from mattermost_plugin.opentelemetry import Farewell, OpenTelemetryTracer
from mattermost_plugin.origin import Origin
from mattermost_plugin.tracing import Context, Kind
from support.traces import CLIENT, TRACE, TRACEPARENT, tracing_to_memory


def test_where_nothing_is_traced_a_span_is_nothing_and_calls_take_nothing_along() -> None:
    with tracing.around("name", Kind.CALLED) as span:
        span.note(a=1)
        span.fail("reason")
    assert (span.context, span.trace_id, tracing.here()) == (Context(), "", Context())
    assert origin.metadata(Origin("", Context())) == []


def test_what_a_call_takes_along_says_where_it_was_made() -> None:
    with tracing_to_memory() as spans:
        origin.enter(Origin("r-1", Context(TRACEPARENT, "a=1")))
        with tracing.around("a call", Kind.CALLING) as span:
            fields = origin.metadata(origin.here())
        origin.enter(Origin())
        assert origin.here() == Origin()
    (made,) = spans.get_finished_spans()
    assert made.parent is not None
    assert f"{made.parent.span_id:016x}" == CLIENT
    assert dict(fields) == {"x-request-id": "r-1", "traceparent": span.context.traceparent, "tracestate": "a=1"}
    assert span.trace_id == TRACE
    assert origin.of_metadata([(name.encode(), value.encode()) for name, value in fields]) == Origin(
        "r-1", span.context
    )


def test_a_trace_that_is_not_kept_has_no_id_and_attributes_have_the_names_of_the_conventions() -> None:
    tracer = OpenTelemetryTracer(TracerProvider(sampler=ALWAYS_OFF))
    span = tracer.begin("name", Kind.CALLED, Context(), 0)
    assert span.trace_id == ""
    span.end()
    with tracing_to_memory() as spans, tracing.around("name", Kind.CALLED) as noted:
        noted.note(http_response_status__code=200)
    assert dict(spans.get_finished_spans()[0].attributes or {}) == {"http.response.status_code": 200}


def test_last_spans_are_exported_within_their_time_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    monkeypatch.setattr(atexit, "register", said.append)
    begun, go_on = threading.Event(), threading.Event()

    class Stuck(TracerProvider):
        def shutdown(self) -> None:
            begun.set()
            go_on.wait()

    Farewell(Stuck(shutdown_on_exit=False))
    monkeypatch.setattr(opentelemetry, "FAREWELL", 0.01)
    said[0]()
    assert begun.wait(60)
    go_on.set()
