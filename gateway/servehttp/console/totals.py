"""What was counted of each plugin, as the console tells it: the figures for Prometheus, put together by plugin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from servehttp.figures import BOUNDS, HOOKS, Counts, Figures
from servehttp.front import ledger
from servehttp.front.server import CONNECTIONS, CPU, IN_FLIGHT, MEMORY

BUCKETS = len(BOUNDS) + 1
SERVER_ERROR = "5xx"


def _empty() -> list[float]:
    return [0.0] * BUCKETS


@dataclass
class Totals:
    """What was counted of one plugin since the gateway's start.

    Attributes:
        requests: that are over.
        errors: those of them with a status of 5xx.
        classes: requests by the class of their status.
        durations: requests by seconds, in buckets.
        first_bytes: responses by seconds until they began, in buckets.
        refusals: answers of the gateway's own, by status.
        cut_short: exchanges that ended too early, by cause.
        bytes_in: of bodies and messages to the plugin.
        bytes_out: of those from it.
        websockets: that are over, or were refused.
        in_flight: what is open now.
    """

    requests: float = 0
    errors: float = 0
    classes: dict[str, float] = field(default_factory=dict)
    durations: list[float] = field(default_factory=_empty)
    first_bytes: list[float] = field(default_factory=_empty)
    refusals: dict[str, float] = field(default_factory=dict)
    cut_short: dict[str, float] = field(default_factory=dict)
    bytes_in: float = 0
    bytes_out: float = 0
    websockets: float = 0
    in_flight: float = 0


@dataclass(frozen=True)
class OfServer:
    """What the processes take that serve HTTP.

    Attributes:
        connections: of clients.
        memory: resident bytes.
        cpu: seconds.
    """

    connections: float
    memory: float
    cpu: float


@dataclass(frozen=True)
class HookTotals:
    """What was counted of one hook of one plugin, with one outcome.

    Attributes:
        plugin: the plugin's id.
        hook: its name.
        outcome: "answered", "late" or "failed".
        count: how often.
        buckets: by seconds.
        seconds: all of them together.
    """

    plugin: str
    hook: str
    outcome: str
    count: float
    buckets: Sequence[float]
    seconds: float


def totals(counts: Counts) -> Mapping[str, Totals]:
    """By plugin; under "" what no plugin was found for."""
    found: defaultdict[str, Totals] = defaultdict(Totals)
    counted, present = counts
    for (plugin, _, status_class), (*buckets, _seconds) in counted.family(ledger.REQUESTS).items():
        of_plugin, number = found[plugin], sum(buckets)
        of_plugin.requests += number
        of_plugin.classes[status_class] = of_plugin.classes.get(status_class, 0) + number
        of_plugin.errors += number if status_class == SERVER_ERROR else 0
        of_plugin.durations = [one + other for one, other in zip(of_plugin.durations, buckets, strict=True)]
    for (plugin,), (*buckets, _seconds) in counted.family(ledger.FIRST_BYTE).items():
        found[plugin].first_bytes = list(buckets)
    for (plugin, status), (number,) in counted.family(ledger.REFUSALS).items():
        found[plugin].refusals[status] = number
    for (plugin, cause), (number,) in counted.family(ledger.CUT_SHORT).items():
        found[plugin].cut_short[cause] = number
    for (plugin, direction), (number,) in counted.family(ledger.BYTES).items():
        if direction == ledger.IN:
            found[plugin].bytes_in = number
        else:
            found[plugin].bytes_out = number
    for (plugin, _), (number,) in counted.family(ledger.WEBSOCKETS).items():
        found[plugin].websockets += number
    for (plugin,), (number,) in present.family(IN_FLIGHT).items():
        found[plugin].in_flight = number
    return found


def of_server(counts: Counts) -> OfServer:
    """What the processes take that serve HTTP."""
    counted, present = counts
    return OfServer(connections=_only(present, CONNECTIONS), memory=_only(present, MEMORY), cpu=_only(counted, CPU))


def of_hooks(figures: Figures) -> list[HookTotals]:
    """What a host has counted of hooks, the slowest first."""
    found = [
        HookTotals(plugin, hook, outcome, sum(buckets), buckets, seconds)
        for (plugin, hook, outcome), (*buckets, seconds) in figures.family(HOOKS).items()
    ]
    return sorted(found, key=lambda each: -each.seconds / max(each.count, 1))


def _only(figures: Figures, family: str) -> float:
    series = figures.family(family).get(())
    return series[0] if series else 0.0
