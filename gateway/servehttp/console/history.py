"""The figures of the last hour, in bounded memory, and what they say of a stretch of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from servehttp.console.quantiles import quantile
from servehttp.console.totals import Totals

SAMPLES = 360
"""Of each plugin."""
MOST_PLUGINS = 1000
"""Of which there are samples."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was counted of a plugin up to a moment, and how it was then.

    Attributes:
        time: in seconds since 1970.
        requests: that were over.
        errors: those of them with a status of 5xx.
        durations: requests by seconds, in buckets.
        in_flight: what was open.
        memory: resident bytes of its processes; None where there were none on this machine.
        cpu: seconds that its processes had taken; None likewise.
    """

    time: float
    requests: float
    errors: float
    durations: Sequence[float]
    in_flight: float
    memory: float | None
    cpu: float | None


@dataclass(frozen=True)
class Stretch:
    """What happened between two samples.

    Attributes:
        time: when it ended, in seconds since 1970.
        per_second: requests.
        errors_per_second: those of them with a status of 5xx.
        p50: seconds that half of them took at most; None if there were none.
        p99: seconds that 99 of 100 took at most; None if there were none.
        in_flight: what was open at the end.
        memory: resident bytes at the end; None where there were no processes on this machine.
        cpu: how much of one core its processes took, 1 being all of it; None likewise, and where they were replaced.
    """

    time: float
    per_second: float
    errors_per_second: float
    p50: float | None
    p99: float | None
    in_flight: float
    memory: float | None
    cpu: float | None


def sample(time: float, counted: Totals, memory: float | None, cpu: float | None) -> Sample:
    """What a moment is remembered by."""
    durations = tuple(counted.durations)
    return Sample(time, counted.requests, counted.errors, durations, counted.in_flight, memory, cpu)


def between(begin: Sample, end: Sample) -> Stretch:
    """What happened between two samples of one plugin."""
    seconds = max(end.time - begin.time, 0.001)
    buckets = [max(0.0, late - early) for late, early in zip(end.durations, begin.durations, strict=True)]
    cpu = None
    if end.cpu is not None and begin.cpu is not None and end.cpu >= begin.cpu:
        cpu = (end.cpu - begin.cpu) / seconds
    return Stretch(
        time=end.time,
        per_second=max(0.0, end.requests - begin.requests) / seconds,
        errors_per_second=max(0.0, end.errors - begin.errors) / seconds,
        p50=quantile(0.5, buckets),
        p99=quantile(0.99, buckets),
        in_flight=end.in_flight,
        memory=end.memory,
        cpu=cpu,
    )


class History:
    """The samples of all plugins."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[Sample]] = {}

    def keep(self, samples: Mapping[str, Sample], known: Container[str]) -> None:
        """Have one more of each plugin; of those that are not known any more nothing is kept."""
        self._samples = {plugin: kept for plugin, kept in self._samples.items() if plugin in known}
        for plugin, each in samples.items():
            if plugin not in self._samples and len(self._samples) >= MOST_PLUGINS:
                continue
            kept = self._samples.setdefault(plugin, deque(maxlen=SAMPLES))
            if not kept or kept[-1].time < each.time:
                kept.append(each)

    def stretches(self, plugin: str) -> list[Stretch]:
        """What happened from each sample to the next, oldest first."""
        kept = list(self._samples.get(plugin, ()))
        return [between(begin, end) for begin, end in pairwise(kept)]

    def since(self, plugin: str, now: Sample, seconds: float) -> Stretch:
        """What has happened in the last seconds, or since its first sample, until now."""
        kept = [each for each in self._samples.get(plugin, ()) if each.time < now.time]
        before = [each for each in kept if each.time <= now.time - seconds]
        begin = before[-1] if before else kept[0] if kept else now
        stretch = between(begin, now)
        if stretch.cpu is None:  # its processes have come since: as much as is known of these
            stretch = replace(stretch, cpu=_cpu_of_same_processes(kept, now))
        return stretch


def _cpu_of_same_processes(kept: Sequence[Sample], now: Sample) -> float | None:
    """How much of a core the processes took that are there now, as far back as they were."""
    begin = now
    for each in reversed(kept):
        if each.cpu is None or begin.cpu is None or each.cpu > begin.cpu:
            break
        begin = each
    return between(begin, now).cpu if begin is not now else None
