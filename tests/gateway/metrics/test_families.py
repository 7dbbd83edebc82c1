"""What is counted, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from servehttp.figures import Counts, Exemplar, Figures
from servehttp.front.ledger import REQUESTS
from servehttp.metrics.families import families
from servehttp.metrics.foreign import Gathered


def test_a_bucket_has_the_trace_of_a_request_in_it() -> None:
    counted, labels = Figures(), ("p", "GET", "2xx")
    for value in (0.3, 0.002):
        counted.observe(REQUESTS, labels, value)
    counted.exemplify(REQUESTS, labels, Exemplar("0af7", 0.3, 12.5))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Gathered(list(families(Counts(counted, Figures()), [], {}, Figures()))))
    text = generate_latest(registry).decode()  # type: ignore[no-untyped-call]  # as the library has it
    read = {family.name: family for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    shown = [
        (sample.labels["le"], sample.exemplar.labels, sample.exemplar.value, float(sample.exemplar.timestamp))
        for sample in read["http_server_request_duration_seconds"].samples
        if sample.exemplar
    ]
    assert [(float(le), *rest) for le, *rest in shown] == [(0.5, {"trace_id": "0af7"}, 0.3, 12.5)]
