"""A request has a span in the gateway, between the client's and the plugin's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id

from mattermost_plugin.types import Receive, Scope, Send
from support.client import fetch
from support.front_apps import Play
from support.traces import CLIENT, TRACE, TRACEPARENT, tracing_to_memory

pytestmark = pytest.mark.anyio


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    with tracing_to_memory() as exporter:
        yield exporter


async def headers(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what of a trace came."""
    found = b" ".join(b"%b=%b" % header for header in scope["headers"] if header[0].startswith((b"trace", b"x-")))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": found})


@pytest.mark.usefixtures("play")
async def test_without_tracing_what_the_client_says_goes_on_as_it_is(play: Play) -> None:
    async with play(headers) as stage:
        answer = await fetch(stage.port, "/plugins/p/", headers=[("traceparent", "anything"), ("tracestate", "a=1")])
    assert answer.body == b"traceparent=anything tracestate=a=1"


async def test_the_plugin_is_told_of_the_gateways_span_and_that_is_the_clients_child(
    spans: InMemorySpanExporter, play: Play
) -> None:
    sent = [("traceparent", TRACEPARENT), ("tracestate", "a=1"), ("X-Own", "1")]
    async with play(headers) as stage:
        for _ in range(2):
            answer = await fetch(stage.port, "/plugins/p/some?q=1", headers=sent)
    first, second = spans.get_finished_spans()
    assert first.context is not None
    assert second.context is not None
    assert second.parent is not None
    assert (format_trace_id(second.context.trace_id), format_span_id(second.parent.span_id)) == (TRACE, CLIENT)
    own = f"00-{TRACE}-{format_span_id(second.context.span_id)}-01"
    assert sorted(answer.body.decode().split()) == sorted(["x-own=1", f"traceparent={own}", "tracestate=a=1"])
    assert first.context.span_id != second.context.span_id
    assert second.name == "GET p"
    attributes = dict(second.attributes or {})
    assert attributes["http.response.status_code"] == 200
    assert attributes["url.path"] == "/plugins/p/some"
    assert attributes["servehttp.request_id"] == answer.header("x-request-id")


async def test_a_request_without_a_trace_begins_one_and_a_refused_one_has_a_span_too(
    spans: InMemorySpanExporter, play: Play
) -> None:
    async with play(headers) as stage:
        answer = await fetch(stage.port, "/plugins/p/")
        assert (await fetch(stage.port, "/plugins/nobody/")).status == 404
    served, refused = spans.get_finished_spans()
    assert served.context is not None
    assert format_trace_id(served.context.trace_id) in answer.body.decode()
    assert served.parent is None
    assert dict(refused.attributes or {})["http.response.status_code"] == 404


async def test_a_sampled_request_is_the_exemplar_of_how_long_it_took(spans: InMemorySpanExporter, play: Play) -> None:
    async with play(headers) as stage:
        await fetch(stage.port, "/plugins/p/", headers=[("traceparent", TRACEPARENT)])
        await fetch(stage.port, "/plugins/p/", headers=[("traceparent", f"{TRACEPARENT[:-1]}0")])
        exemplars = stage.front.admission.ledger.figures.exemplars("requests")
    ((labels, of_ranges),) = exemplars.items()
    assert labels == ("p", "GET", "2xx")
    assert [exemplar.trace_id for exemplar in of_ranges.values()] == [TRACE]


@pytest.mark.parametrize("wanted", [True, False])
async def test_server_timing_is_told_where_it_is_wanted(play: Play, wanted: bool) -> None:
    async with play(headers, server_timing=wanted) as stage:
        told = (await fetch(stage.port, "/plugins/p/")).header("server-timing")
        refused = (await fetch(stage.port, "/plugins/nobody/")).header("server-timing")
    assert refused is None
    assert bool(told) == wanted
    if told:
        assert re.fullmatch(r"gateway;dur=\d+\.\d\d, plugin;dur=\d+\.\d\d", told)
