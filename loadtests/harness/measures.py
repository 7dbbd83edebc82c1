"""The measures of the benchmark: what is put against what, and which ratio is to be reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.statistics import median, middle_ratio, spread

Figures = dict[str, dict[str, list[float]]]
"""Of each side, of each quantity, one figure a round."""

Verdict = Literal["aim reached", "reached", "missed", "shown", "not measured"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the table: a ratio and what it should be.

    `figure` and `baseline` are (side, quantity) of the experiment; a baseline may be a number that was measured once.
    `better` tells whether the ratio should be at least or at most `reach`, and then `aim`; a row without them is shown,
    and cannot be missed.
    """

    key: str
    group: str
    title: str
    against: str
    unit: str
    experiment: str
    figure: tuple[str, str]
    baseline: tuple[str, str] | float
    better: Literal["more", "less"]
    reach: float | None = None
    aim: float | None = None

    def met(self, ratio: float, target: float) -> bool:
        """Whether the ratio is on the good side of the target."""
        return ratio >= target if self.better == "more" else ratio <= target


@dataclass(frozen=True, slots=True)
class Row:
    """A measure with what was measured: medians over the rounds, and the median, the least and the greatest of the
    ratios of single rounds. Without figures `reason` says why there are none."""

    measure: Measure
    figure: float | None = None
    baseline: float | None = None
    ratio: float | None = None
    least: float | None = None
    most: float | None = None
    reason: str | None = None

    @property
    def verdict(self) -> Verdict:
        """How it stands to the targets."""
        if self.ratio is None:
            return "not measured"
        if self.measure.reach is None or self.measure.aim is None:
            return "shown"
        if self.measure.met(self.ratio, self.measure.aim):
            return "aim reached"
        return "reached" if self.measure.met(self.ratio, self.measure.reach) else "missed"

    def as_json(self) -> dict[str, Any]:
        """For the results file; the shape that tables and plots take."""
        measure = self.measure
        return {
            "key": measure.key,
            "title": measure.title,
            "against": measure.against,
            "unit": measure.unit,
            "figure": self.figure,
            "baseline": self.baseline,
            "ratio": self.ratio,
            "least": self.least,
            "most": self.most,
            "better": measure.better,
            "reach": measure.reach,
            "aim": measure.aim,
            "verdict": self.verdict,
            "reason": self.reason,
        }


UVICORN, NGINX, GATEWAY = "uvicorn", "nginx", "gateway"
ALONE, BEHIND_NGINX = "uvicorn alone", "nginx → uvicorn"
BARE_CALL = "a bare grpc.aio call of the same sizes"
ECHO = "WebSocket echo, messages/s, 32 connections"
ROUND_TRIP = "WebSocket round trip, p50, 1 connection"
SMALL = "requests/s, GET /json, 64 connections"

MEASURES: Sequence[Measure] = (
    Measure(
        "rps-uvicorn", "rps", SMALL, ALONE, "/s",
        "small", (GATEWAY, "rps"), (UVICORN, "rps"), "more", 1.5, 2.0,
    ),
    Measure(
        "rps-nginx", "rps", SMALL, BEHIND_NGINX, "/s",
        "small", (GATEWAY, "rps"), (NGINX, "rps"), "more", 1.25, 1.6,
    ),
    Measure(
        "rps-granian", "rps", SMALL, "Granian alone", "/s",
        "small", (GATEWAY, "rps"), ("granian", "rps"), "more", 0.85, 1.0,
    ),
    Measure(
        "rps-varied", "varied", "the same, every head different", ALONE, "/s",
        "varied", (GATEWAY, "rps"), (UVICORN, "rps"), "more", 1.35, 1.7,
    ),
    Measure(
        "rps-servehttp", "rps", SMALL, "gateway, one RPC per request", "/s",
        "small", (GATEWAY, "rps"), ("servehttp", "rps"), "more",
    ),
    Measure(
        "rps-pure", "rps", f"{SMALL}, pure Python", ALONE, "/s",
        "small", ("pure", "rps"), (UVICORN, "rps"), "more",
    ),
    Measure(
        "rps-workers", "rps", f"{SMALL}, --workers 2", ALONE, "/s",
        "small", ("workers", "rps"), (UVICORN, "rps"), "more",
    ),
    Measure(
        "rps-ceiling", "rps", SMALL, "nginx that answers by itself", "/s",
        "small", (GATEWAY, "rps"), ("ceiling", "rps"), "more",
    ),
    Measure(
        "cpu", "cpu", "CPU per request, all server processes", BEHIND_NGINX, "µs",
        "small", (GATEWAY, "cpu"), (NGINX, "cpu"), "less", 0.82, 0.65,
    ),
    Measure(
        "p50", "p50", "p50, GET /json, 1 connection", ALONE, "µs",
        "single", (GATEWAY, "p50"), (UVICORN, "p50"), "less", 1.6, 1.2,
    ),
    Measure(
        "p99", "p99", "p99, GET /json, 64 connections", BEHIND_NGINX, "µs",
        "small", (GATEWAY, "p99"), (NGINX, "p99"), "less", 1.0, 0.8,
    ),
    Measure(
        "headers", "headers", "requests/s, 14 browser headers and a 1 KiB cookie", ALONE, "/s",
        "headers", (GATEWAY, "rps"), (UVICORN, "rps"), "more", 0.9, 1.2,
    ),
    Measure(
        "posts", "posts", "requests/s, POST of 100 bytes, 64 connections", ALONE, "/s",
        "posts", (GATEWAY, "rps"), (UVICORN, "rps"), "more", 0.8, 1.0,
    ),
    Measure(
        "download", "bulk", "download of 256 MiB", f"{BEHIND_NGINX}, buffering off", "MB/s",
        "bulk", (GATEWAY, "download"), (NGINX, "download"), "more", 0.9, 1.3,
    ),
    Measure(
        "upload", "bulk", "upload of 256 MiB", f"{BEHIND_NGINX}, buffering off", "MB/s",
        "bulk", (GATEWAY, "upload"), (NGINX, "upload"), "more", 0.9, 1.3,
    ),
    Measure(
        "neighbours", "neighbours", "p99, GET /json, 8 connections, beside 1 GiB down and 1 GiB up",
        "the same without them", "µs",
        "neighbours", ("busy", "p99"), ("quiet", "p99"), "less", 2.5, 1.8,
    ),
    Measure(
        "events", "events", "CPU per server-sent event, 1,000 clients, 10 events/s each", BEHIND_NGINX, "µs",
        "events", (GATEWAY, "event_cpu"), (NGINX, "event_cpu"), "less", 1.0, 0.8,
    ),
    Measure(
        "servehttp", "servehttp", "requests/s of a foreign plugin by ServeHTTP, 64 connections",
        "64 bare grpc.aio calls of it at once", "/s",
        "foreign", ("foreign", "rps"), ("bare calls", "rps"), "more", 0.85, 1.2,
    ),
    Measure(
        "ws-echo-uvicorn", "websockets", ECHO, ALONE, "/s",
        "echo", (GATEWAY, "messages"), (UVICORN, "messages"), "more", 0.6, 0.9,
    ),
    Measure(
        "ws-echo-nginx", "websockets", ECHO, BEHIND_NGINX, "/s",
        "echo", (GATEWAY, "messages"), (NGINX, "messages"), "more", 0.9, 1.1,
    ),
    Measure(
        "ws-trip-uvicorn", "websockets", ROUND_TRIP, ALONE, "µs",
        "round_trip", (GATEWAY, "trip_p50"), (UVICORN, "trip_p50"), "less", 1.7, 1.3,
    ),
    Measure(
        "ws-trip-nginx", "websockets", ROUND_TRIP, BEHIND_NGINX, "µs",
        "round_trip", (GATEWAY, "trip_p50"), (NGINX, "trip_p50"), "less", 1.3, 1.0,
    ),
    Measure(
        "get_user", "calls", "get_user through the async client, round trip", BARE_CALL, "µs",
        "calls", ("get_user", "call"), ("bare call as get_user", "call"), "less", 0.7, 0.45,
    ),
    Measure(
        "hook", "calls", "a hook's round trip from the gateway, models included", BARE_CALL, "µs",
        "calls", ("hook", "call"), ("bare call as hook", "call"), "less", 0.9, 0.6,
    ),
    Measure(
        "calls", "calls", "64 API calls at once from one plugin", "64 bare grpc.aio calls at once", "/s",
        "calls", ("get_user, 64 at once", "calls"), ("bare calls, 64 at once", "calls"), "more", 1.0, 2.0,
    ),
    Measure(
        "get_user-blocking", "calls", "get_user through the blocking client, round trip", BARE_CALL, "µs",
        "calls", ("get_user, blocking", "call"), ("bare call as get_user", "call"), "less", 1.5, 1.5,
    ),
    Measure(
        "get_user-grpc", "calls", "get_user through the async client, by gRPC's library", BARE_CALL, "µs",
        "calls", ("get_user, by gRPC", "call"), ("bare call as get_user", "call"), "less", 1.5, 1.5,
    ),
    Measure(
        "hook-grpc", "calls", "a hook's round trip, by gRPC's library", BARE_CALL, "µs",
        "calls", ("hook, by gRPC", "call"), ("bare call as hook", "call"), "less", 1.5, 1.5,
    ),
    Measure(
        "get_user-models", "calls", "conversion of get_user's models", BARE_CALL, "µs",
        "calls", ("models of get_user", "call"), ("bare call as get_user", "call"), "less", 0.1, 0.1,
    ),
    Measure(
        "hook-models", "calls", "conversion of a hook's models", BARE_CALL, "µs",
        "calls", ("models of hook", "call"), ("bare call as hook", "call"), "less", 0.1, 0.1,
    ),
    Measure(
        "replicas", "replicas", "requests/s of a route that burns 5 ms of CPU, 2 replicas", "1 replica", "/s",
        "replicas", ("two replicas", "rps"), ("one replica", "rps"), "more", 1.8, 1.95,
    ),
    Measure(
        "rps-metrics", "observed", f"{SMALL}, --metrics and a scrape each second", "the gateway without", "/s",
        "observed", ("metrics", "rps"), (GATEWAY, "rps"), "more", 0.97, 0.99,
    ),
    Measure(
        "rps-traced", "observed", f"{SMALL}, a span each in gateway and plugin", "the gateway without", "/s",
        "observed", ("traced", "rps"), (GATEWAY, "rps"), "more",
    ),
    Measure(
        "idle", "idle", "memory of an idle plugin process (PSS)", "uvicorn alone with the same application", "MiB",
        "idle", ("plugin", "memory"), (UVICORN, "memory"), "less", 1.55, 1.3,
    ),
    Measure(
        "memory", "memory", "memory per idle SSE client, 1,000 clients", ALONE, "KiB",
        "memory", (GATEWAY, "per_client"), (UVICORN, "per_client"), "less", 1.5, 1.0,
    ),
    Measure(
        "start-one", "start", "start to ready, 1 plugin", "1 plugin on 2026-11-28, on 2 cores", "s",
        "start", ("one", "seconds"), 0.62, "less", 0.9, 0.6,
    ),
    Measure(
        "start", "start", "start to ready, 20 plugins", "1 plugin", "s",
        "start", ("twenty", "seconds"), ("one", "seconds"), "less", 4, 3,
    ),
)  # fmt: skip
"""Every row of the table, in its order."""
GROUPS = tuple(dict.fromkeys(measure.group for measure in MEASURES))


def fill(measure: Measure, figures: Figures, missing: Mapping[str, str], reason: str | None = None) -> Row:
    """A measure with the figures of its experiment. `missing` has the reason for each side that is not in them;
    `reason` is that for an experiment without any."""
    for side, _ in _needed(measure):
        if side not in figures:
            return Row(measure, reason=reason or missing.get(side, f"{side} was not run"))
    ours = _of(measure.figure, figures)
    theirs = [measure.baseline] * len(ours) if isinstance(measure.baseline, float) else _of(measure.baseline, figures)
    return Row(measure, median(ours), median(theirs), middle_ratio(ours, theirs), *spread(ours, theirs))


def _needed(measure: Measure) -> Iterable[tuple[str, str]]:
    return [measure.figure] if isinstance(measure.baseline, float) else [measure.figure, measure.baseline]


def _of(place: tuple[str, str], figures: Figures) -> list[float]:
    side, quantity = place
    return figures[side][quantity]


def missed(rows: Iterable[Row]) -> list[Row]:
    """The rows that do not reach what they have to."""
    return [row for row in rows if row.verdict == "missed"]
