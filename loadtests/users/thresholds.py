"""Limits that make a run of Locust fail: `p95:GET /json>50` fails it if the 95th percentile exceeds 50 ms.

A limit is `METRIC:METHOD NAME>NUMBER`, with `<` for what may not fall below. Without `:METHOD NAME` it holds for all
requests together. Metrics are avg, max and percentiles such as p50 or p99.9 in milliseconds, rps, count, and fail, the
share of failed requests from 0 to 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

PATTERN = re.compile(
    r"(?P<metric>p\d{1,2}(?:\.\d+)?|avg|max|rps|fail|count)(?::(?P<entry>.+?))?\s*(?P<sign>[<>])\s*(?P<limit>\d+(?:\.\d+)?)"
)


class Entry(Protocol):
    """What is needed of an entry of Locust's statistics."""

    num_requests: int
    max_response_time: int

    @property
    def avg_response_time(self) -> float: ...
    @property
    def total_rps(self) -> float: ...
    @property
    def fail_ratio(self) -> float: ...
    def get_response_time_percentile(self, percent: float) -> float: ...


@dataclass(frozen=True, slots=True)
class Threshold:
    """One limit; `entry` is none for all requests together."""

    metric: str
    entry: str | None
    sign: str
    limit: float

    def broken_by(self, value: float) -> bool:
        """Whether the value is beyond the limit."""
        return value > self.limit if self.sign == ">" else value < self.limit


METRICS: dict[str, Callable[[Entry], float]] = {
    "avg": lambda entry: entry.avg_response_time,
    "max": lambda entry: float(entry.max_response_time),
    "rps": lambda entry: entry.total_rps,
    "fail": lambda entry: entry.fail_ratio,
    "count": lambda entry: float(entry.num_requests),
}


def parse(text: str) -> Threshold:
    """A limit as it is written on the command line.

    Raises:
        ValueError: it is not written as the module says.
    """
    match = PATTERN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no limit: write it as 'p95:GET /json>50', 'fail>0.01' or 'rps:GET /json<100'")
    return Threshold(match["metric"], match["entry"], match["sign"], float(match["limit"]))


def parse_all(text: str) -> list[Threshold]:
    """Limits with ; between them.

    Raises:
        ValueError: one of them is none.
    """
    return [parse(part) for part in text.split(";") if part.strip()]


def measure(metric: str, entry: Entry) -> float:
    """The metric's value."""
    if metric in METRICS:
        return METRICS[metric](entry)
    return entry.get_response_time_percentile(float(metric[1:]) / 100) or 0.0


def broken(thresholds: Iterable[Threshold], entries: Mapping[str, Entry], total: Entry) -> list[str]:
    """A sentence for each limit that does not hold; `entries` are by method and name. One that was never called breaks
    the limits set for it."""
    sentences = []
    for threshold in thresholds:
        entry = total if threshold.entry is None else entries.get(threshold.entry)
        name = threshold.entry or "all requests"
        if entry is None:
            sentences.append(f"{name} has a limit and was never called; there are: {', '.join(sorted(entries))}")
        elif threshold.broken_by(value := measure(threshold.metric, entry)):
            sentences.append(f"{threshold.metric} of {name} is {value:g}, and the limit is {threshold.limit:g}")
    return sentences
