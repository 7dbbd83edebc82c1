"""What it costs to be watched: a gateway that tells its metrics and is asked for them, and one that traces."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from harness import sides
from harness.errors import NotMeasured
from harness.experiments.requests import MANY, read_json
from harness.experiments.turns import Outcome, Plan, side_by_side
from harness.processes import free_port
from harness.sides import ONE, Side

INTERVAL = 1.0
"""Seconds between two scrapes; Prometheus asks every fifteen or so."""
TIMEOUT = 5.0


def observed(plan: Plan) -> Outcome:
    """GET /json over 64 connections."""
    starts = [("gateway", sides.gateway(ONE)), ("metrics", _with_metrics()), ("traced", _traced())]
    return side_by_side(plan, starts, lambda side: read_json(side, MANY))


@contextmanager
def _with_metrics() -> Iterator[Side]:
    """One that is asked for its metrics all the time, also while others have their turn."""
    port = free_port()
    with sides.gateway(ONE, name="metrics", options=("--metrics", f"127.0.0.1:{port}")) as side, _scraping(port):
        yield side


@contextmanager
def _traced() -> Iterator[Side]:
    """One that has a span for every request, as its plugin has, and exports none: what that costs is the exporter's.

    Raises:
        NotMeasured: OpenTelemetry is not installed here.
    """
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise NotMeasured("OpenTelemetry is missing: pip install 'servehttp[otel]'")
    environment = {"SERVEHTTP_TRACING__ENABLED": "true", "OTEL_TRACES_EXPORTER": "none"}
    with sides.gateway(ONE, name="traced", env=environment) as side:
        yield side


@contextmanager
def _scraping(port: int) -> Iterator[None]:
    """Ask meanwhile, as Prometheus does."""
    ended = threading.Event()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )

    def ask() -> None:
        while not ended.wait(INTERVAL):
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                answer.read()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
