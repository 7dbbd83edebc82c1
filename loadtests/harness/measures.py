"""The measures of the benchmark: what is put against what, and which ratio is to be reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.statistics import median, spread

Figures = dict[str, dict[str, list[float]]]
"""Of each side, of each quantity, one figure a round."""

Verdict = Literal["aim reached", "reached", "missed", "not measured"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the table: a ratio and what it should be.

    `figure` and `baseline` are (side, quantity) of the experiment. `better` tells whether the ratio should be at least
    or at most `reach`, and then `aim`.
    """

    key: str
    group: str
    title: str
    against: str
    unit: str
    experiment: str
    figure: tuple[str, str]
    baseline: tuple[str, str]
    better: Literal["more", "less"]
    reach: float
    aim: float

    def met(self, ratio: float, target: float) -> bool:
        """Whether the ratio is on the good side of the target."""
        return ratio >= target if self.better == "more" else ratio <= target


@dataclass(frozen=True, slots=True)
class Row:
    """A measure with what was measured: medians over the rounds, their ratio, and the least and greatest ratio of a
    single round. Without figures `reason` says why there are none."""

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


UVICORN, NGINX, GATEWAY, SERVEHTTP = "uvicorn", "nginx", "gateway", "servehttp"
ALONE, BEHIND_NGINX = "uvicorn alone", "nginx → uvicorn"

MEASURES: Sequence[Measure] = (
    Measure(
        "rps-uvicorn", "rps", "requests/s, GET /json, 64 connections", ALONE, "/s",
        "small", (GATEWAY, "rps"), (UVICORN, "rps"), "more", 1.0, 1.3,
    ),
    Measure(
        "rps-nginx", "rps", "requests/s, GET /json, 64 connections", BEHIND_NGINX, "/s",
        "small", (GATEWAY, "rps"), (NGINX, "rps"), "more", 1.0, 1.3,
    ),
    Measure(
        "rps-servehttp", "rps", "requests/s, GET /json, 64 connections", "gateway, one RPC per request", "/s",
        "small", (GATEWAY, "rps"), (SERVEHTTP, "rps"), "more", 6, 10,
    ),
    Measure(
        "cpu", "cpu", "CPU per request, all server processes", BEHIND_NGINX, "µs",
        "small", (GATEWAY, "cpu"), (NGINX, "cpu"), "less", 1.3, 1.0,
    ),
    Measure(
        "p50", "p50", "p50, GET /json, 1 connection", ALONE, "µs",
        "single", (GATEWAY, "p50"), (UVICORN, "p50"), "less", 3.5, 2.5,
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
        "bulk", (GATEWAY, "download"), (NGINX, "download"), "more", 0.6, 1.0,
    ),
    Measure(
        "upload", "bulk", "upload of 256 MiB", f"{BEHIND_NGINX}, buffering off", "MB/s",
        "bulk", (GATEWAY, "upload"), (NGINX, "upload"), "more", 0.6, 1.0,
    ),
    Measure(
        "neighbours", "neighbours", "p99, GET /json, 8 connections, beside 1 GiB down and 1 GiB up",
        "the same without them", "µs",
        "neighbours", ("busy", "p99"), ("quiet", "p99"), "less", 4, 2,
    ),
    Measure(
        "memory", "memory", "memory per idle SSE client, 1,000 clients", ALONE, "KiB",
        "memory", (GATEWAY, "per_client"), (UVICORN, "per_client"), "less", 1.5, 1.0,
    ),
    Measure(
        "start", "start", "start to ready, 10 plugins", "1 plugin", "s",
        "start", ("ten", "seconds"), ("one", "seconds"), "less", 5, 3,
    ),
)  # fmt: skip
GROUPS = tuple(dict.fromkeys(measure.group for measure in MEASURES))


def fill(measure: Measure, figures: Figures, missing: Mapping[str, str], reason: str | None = None) -> Row:
    """A measure with the figures of its experiment. `missing` has the reason for each side that is not in them;
    `reason` is that for an experiment without any."""
    (side, quantity), (other, other_quantity) = measure.figure, measure.baseline
    for name in (side, other):
        if name not in figures:
            return Row(measure, reason=reason or missing.get(name, f"{name} was not run"))
    ours, theirs = figures[side][quantity], figures[other][other_quantity]
    figure, baseline = median(ours), median(theirs)
    return Row(measure, figure, baseline, figure / baseline, *spread(ours, theirs))


def missed(rows: Iterable[Row]) -> list[Row]:
    """The rows that do not reach what they have to."""
    return [row for row in rows if row.verdict == "missed"]
