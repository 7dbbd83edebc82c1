"""What a request costs more behind something than alone: figures of Locust's runs, side by side.

The figures are plain dictionaries, as they are in the results file: scenario → side → `entries`, `processes`,
`requests`. Times are microseconds and memory is MiB; every list has one figure a round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.statistics import median

SCENARIOS = {
    "json": "JsonUser",
    "upload": "UploadUser",
    "download": "DownloadUser",
    "sse": "SseUser",
    "websocket": "WebSocketUser",
    "slow": "SlowReaderUser",
    "abort": "AbortingUser",
}
"""The Locust user of each."""
USUAL = ("json", "upload", "download", "sse", "websocket")
"""Those whose times say something about overhead."""
ALONE = "uvicorn"
PERCENTILES = ("p50", "p95", "p99")
MIB = 2**20

Figures = dict[str, dict[str, Any]]
"""Of one scenario, by side."""


@dataclass(frozen=True, slots=True)
class OneRun:
    """What Locust reported, and what the processes of the server used: seconds of CPU and bytes, by name."""

    times: Mapping[str, Any]
    cpu: Mapping[str, float]
    memory: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Overhead:
    """One entry on one side: percentiles as medians over the rounds, and how far they are above those alone."""

    scenario: str
    entry: str
    side: str
    times: tuple[float, ...]
    over: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """One process: microseconds of CPU a request, and MiB at most."""

    scenario: str
    side: str
    process: str
    cpu: float
    memory: float


def add_run(figures: Figures, side: str, run: OneRun) -> None:
    """Add a round to the figures of a scenario."""
    found = figures.setdefault(side, {"entries": {}, "processes": {}, "requests": []})
    requests = run.times["requests"]
    found["requests"].append(requests)
    for name, values in run.times["entries"].items():
        entry = found["entries"].setdefault(name, {})
        for key, value in values.items():
            entry.setdefault(key, []).append(value)
    for name in run.cpu:
        process = found["processes"].setdefault(name, {"cpu": [], "memory": []})
        process["cpu"].append(run.cpu[name] / requests * 1e6)
        process["memory"].append(run.memory[name] / MIB)


def overheads(scenarios: Mapping[str, Figures]) -> Iterator[Overhead]:
    """Every entry of every side, in order."""
    for scenario, figures in scenarios.items():
        alone = figures[ALONE]["entries"]
        for entry in alone:
            base = _percentiles(alone[entry])
            for side, found in figures.items():
                times = _percentiles(found["entries"][entry])
                over = tuple(time - before for time, before in zip(times, base, strict=True))
                yield Overhead(scenario, entry, side, times, over)


def costs(scenarios: Mapping[str, Figures]) -> Iterator[Cost]:
    """Every process of every side, in order."""
    for scenario, figures in scenarios.items():
        for side, found in figures.items():
            for name, process in found["processes"].items():
                yield Cost(scenario, side, name, median(process["cpu"]), median(process["memory"]))


def _percentiles(entry: Mapping[str, list[float]]) -> tuple[float, ...]:
    return tuple(median(entry[name]) for name in PERCENTILES)
