"""Spans in memory, and OTLP's receiving end."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mattermost_plugin import tracing
from mattermost_plugin.opentelemetry import OpenTelemetryTracer
from support.patience import PATIENCE
from support.rest import served

TRACE = "0af7651916cd43dd8448eb211c80319c"
CLIENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CLIENT}-01"


@contextlib.contextmanager
def tracing_to_memory() -> Iterator[InMemorySpanExporter]:
    """Trace in this process meanwhile."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(OpenTelemetryTracer(provider))
    try:
        yield exporter
    finally:
        tracing.use(None)


@dataclass
class Collector:
    """What was received, each span with the name of its service.

    Attributes:
        port: where it listens.
    """

    port: int = 0
    spans: list[tuple[str, Span]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, request: Request) -> Response:
        assert request.headers["content-type"] == "application/x-protobuf"
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = [each.value.string_value for each in resource.resource.attributes if each.key == "service.name"]
            self.spans += [(names[0], span) for scope in resource.scope_spans for span in scope.spans]
        self.news.set()
        return Response(ExportTraceServiceResponse().SerializeToString(), media_type="application/x-protobuf")

    async def named(self, service: str, name: str) -> Span:
        """The span of this name, once it was received."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.news.clear()
                for of, span in self.spans:
                    if (of, span.name) == (service, name):
                        return span
                await self.news.wait()


@contextlib.asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector on a free port of this machine."""
    collector = Collector()
    app = Starlette(routes=[Route("/v1/traces", collector.receive, methods=["POST"])])
    async with served(app) as port:
        collector.port = port
        yield collector
