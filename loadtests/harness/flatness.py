"""Whether what a process holds grows while it serves: a slope with its confidence for each quantity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from harness.slopes import CONFIDENCE, Points, slope_of, thinned
from harness.statistics import median

ALLOWED: Mapping[str, float] = {
    "memory": 4.0,
    "descriptors": 8.0,
    "tasks": 8.0,
    "open exchanges": 8.0,
}
"""How much more of each quantity may be there at the end: MiB of memory, and numbers of the rest. What leaks with every
request, or with every tenth, is a thousand times that within minutes."""
UNITS: Mapping[str, str] = {"memory": " MiB"}
WARM_UP = 1 / 3
"""The share of each life of a process that is left out."""
HOUR = 3600.0

Verdict = Literal["flat", "falls", "grows", "not decided"]
GOOD: Final[tuple[Verdict, ...]] = ("flat", "falls")


@dataclass(frozen=True, slots=True)
class Sample:
    """How much a process holds of something, so many seconds after the beginning; `life` tells it from that which had
    its name before it was started anew."""

    process: str
    quantity: str
    life: int
    seconds: float
    value: float


@dataclass(frozen=True, slots=True)
class Life:
    """All samples of one quantity in one life of a process."""

    process: str
    quantity: str
    life: int
    points: list[tuple[float, float]] = field(default_factory=list)


def lives(samples: Iterable[Sample]) -> list[Life]:
    """Samples that belong together, in the order in which they were first seen."""
    found: dict[tuple[str, str, int], Life] = {}
    for sample in samples:
        key = (sample.process, sample.quantity, sample.life)
        found.setdefault(key, Life(*key)).points.append((sample.seconds, sample.value))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Flatness:
    """One quantity of one process: what it holds as the median, how much more an hour, how much more of that came in
    the time that was measured, and the least and the greatest that this may be."""

    process: str
    quantity: str
    unit: str
    held: float
    per_hour: float
    growth: float
    least: float
    most: float
    allowed: float

    @property
    def verdict(self) -> Verdict:
        """Flat is what can be said not to have grown or fallen by more than is allowed."""
        if self.least > self.allowed:
            return "grows"
        if self.most < -self.allowed:
            return "falls"
        return "flat" if self.most <= self.allowed else "not decided"

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {**asdict(self), "confidence": CONFIDENCE, "verdict": self.verdict}


def judge(found: Iterable[Life]) -> list[Flatness]:
    """Each quantity of each process.

    Raises:
        ValueError: there are too few samples of one of them.
    """
    together: dict[tuple[str, str], list[Points]] = {}
    for life in found:
        together.setdefault((life.process, life.quantity), []).append(life.points)
    return [_judge(process, quantity, strata) for (process, quantity), strata in together.items()]


def _judge(process: str, quantity: str, whole: Sequence[Points]) -> Flatness:
    strata = [settled(points) for points in whole]
    slope = slope_of([thinned(points) for points in strata])
    measured = sum(points[-1][0] - points[0][0] for points in strata)
    return Flatness(
        process=process,
        quantity=quantity,
        unit=UNITS.get(quantity, ""),
        held=median([value for points in strata for _, value in points]),
        per_hour=slope.middle * HOUR,
        growth=slope.middle * measured,
        least=slope.least * measured,
        most=slope.most * measured,
        allowed=ALLOWED[quantity],
    )


def settled(points: Points) -> Points:
    """What comes after the warm-up of a life."""
    (began, _), (ended, _) = points[0], points[-1]
    return [(time, value) for time, value in points if time >= began + (ended - began) * WARM_UP]
