"""The tracer of OpenTelemetry, whose library is optional and imported with this module.

What is exported, where, and what is sampled, its standard variables say: `OTEL_TRACES_SAMPLER`,
`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_…` and so on.
"""

from __future__ import annotations

import atexit
import functools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context as Surroundings
from opentelemetry.context import attach
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mattermost_plugin import tracing
from mattermost_plugin.tracing import TRACEPARENT, TRACESTATE, Attribute, Context, Kind

KINDS = {Kind.CALLED: SpanKind.SERVER, Kind.CALLING: SpanKind.CLIENT}
EXPORTER = "OTEL_TRACES_EXPORTER"
NANOSECONDS = 1_000_000_000
FAREWELL = 1.0
"""Seconds at the end of a process for spans that are not exported yet."""

_propagator = TraceContextTextMapPropagator()


class OpenTelemetrySpan:
    """A span; see `tracing.Span`."""

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def context(self) -> Context:
        return _context(trace.set_span_in_context(self._span))

    @property
    def trace_id(self) -> str:
        found = self._span.get_span_context()
        return trace.format_trace_id(found.trace_id) if found.trace_flags.sampled else ""

    def note(self, **attributes: Attribute) -> None:
        if self._span.is_recording():
            self._span.set_attributes({_name(name): value for name, value in attributes.items()})

    def fail(self, reason: str) -> None:
        self._span.set_status(StatusCode.ERROR, reason)

    def end(self) -> None:
        self._span.end()


class OpenTelemetryTracer:
    """Makes spans; see `tracing.Tracer`.

    Args:
        provider: takes them.
    """

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._tracer = provider.get_tracer("servehttp", version("servehttp"))

    def begin(self, name: str, kind: Kind, parent: Context, age: float) -> OpenTelemetrySpan:
        began = time.time_ns() - int(age * NANOSECONDS)
        return OpenTelemetrySpan(self._tracer.start_span(name, _surroundings(parent), KINDS[kind], start_time=began))

    @contextmanager
    def around(self, name: str, kind: Kind, parent: Context | None) -> Iterator[OpenTelemetrySpan]:
        surroundings = None if parent is None else _surroundings(parent)
        with self._tracer.start_as_current_span(name, surroundings, KINDS[kind]) as span:
            yield OpenTelemetrySpan(span)

    def here(self) -> Context:
        return _context(None)

    def enter(self, context: Context) -> None:
        attach(_surroundings(context))


class Farewell:
    """Has spans exported that are left when the process ends, within little time: no collector holds that up.

    Args:
        provider: has them.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._due = threading.Event()
        self._provider = provider
        # Begun now, for at its end an interpreter begins no thread any more.
        self._thread = threading.Thread(target=self._run, name="last spans", daemon=True)
        self._thread.start()
        atexit.register(self._say)

    def _say(self) -> None:
        self._due.set()
        self._thread.join(FAREWELL)

    def _run(self) -> None:
        self._due.wait()
        self._provider.shutdown()


def begin(service: str) -> None:
    """Trace in this process from now on, with the provider that was set in it, or with one of the standard variables.

    Args:
        service: what the process is called, unless `OTEL_SERVICE_NAME` says it.
    """
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
        Farewell(provider)
        if (exporter := _exporter(os.environ.get(EXPORTER, "otlp"))) is not None:
            provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
    tracing.use(OpenTelemetryTracer(provider))


def _resource(service: str) -> Resource:
    return Resource.create() if "OTEL_SERVICE_NAME" in os.environ else Resource.create({SERVICE_NAME: service})


def _exporter(name: str) -> SpanExporter | None:
    if name == "none":
        return None
    if name == "console":
        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _surroundings(context: Context) -> Surroundings:
    carrier = {TRACEPARENT: context.traceparent, TRACESTATE: context.tracestate}
    return _propagator.extract({name: value for name, value in carrier.items() if value}, Surroundings())


def _context(surroundings: Surroundings | None) -> Context:
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, surroundings)
    return Context(carrier.get(TRACEPARENT, ""), carrier.get(TRACESTATE, ""))


@functools.cache  # each is a name in our own code
def _name(name: str) -> str:
    return ".".join(part.replace("\0", "_") for part in name.replace("__", "\0").split("_"))
