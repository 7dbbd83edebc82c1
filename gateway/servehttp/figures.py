"""What is counted while requests are served: plain numbers that can be added up over processes.

A `Series` is a list of numbers, and what they mean is its family's matter: a counter is one number, a distribution is
how many values fell below each of `BOUNDS`, how many above the last, and their sum. Nothing here knows how they are
told to anybody.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

Series: TypeAlias = list[float]
Labels: TypeAlias = tuple[str, ...]

BOUNDS: Final[tuple[float, ...]] = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds. Those of OpenTelemetry's conventions, thinned out, and three below: most answers take less than 5 ms."""

HOOKS: Final = "hooks"
"""What a host of plugins observes of each hook: by plugin, hook and outcome."""
API_CALLS: Final = "api_calls"
"""And of each call of its API: by plugin, rpc and outcome."""

_NUMBERS: Final = len(BOUNDS) + 2


class Exemplar(NamedTuple):
    """One value of a distribution that can be looked into.

    Attributes:
        trace_id: of the trace that it is of.
        seconds: the value.
        time: when it was, in seconds since 1970.
    """

    trace_id: str
    seconds: float
    time: float


Exemplars: TypeAlias = dict[int, Exemplar]
"""The last one of each of a distribution's ranges, by the range's place."""


class Figures:
    """Families of series by their labels. Who counts sees to it that there are not many labels."""

    def __init__(self) -> None:
        self._families: dict[str, dict[Labels, Series]] = {}
        self._exemplars: dict[str, dict[Labels, Exemplars]] = {}

    def count(self, family: str, labels: Labels, value: float = 1) -> None:
        """Add to a counter."""
        series = self._series(family, labels, 1)
        series[0] += value

    def observe(self, family: str, labels: Labels, seconds: float) -> None:
        """Have one more value in a distribution."""
        series = self._series(family, labels, _NUMBERS)
        series[bisect_left(BOUNDS, seconds)] += 1
        series[-1] += seconds

    def exemplify(self, family: str, labels: Labels, exemplar: Exemplar) -> None:
        """Have a value of a distribution, which was observed, stand for others like it."""
        place = bisect_left(BOUNDS, exemplar.seconds)
        self._exemplars.setdefault(family, {}).setdefault(labels, {})[place] = exemplar

    def _series(self, family: str, labels: Labels, length: int) -> Series:
        of_family = self._families.get(family)
        if of_family is None:
            of_family = self._families[family] = {}
        series = of_family.get(labels)
        if series is None:
            series = of_family[labels] = [0] * length
        return series

    def add(self, other: Figures) -> None:
        """Add all of another one's."""
        for family, of_family in other._families.items():
            for labels, numbers in of_family.items():
                series = self._series(family, labels, len(numbers))
                for place, number in enumerate(numbers):
                    series[place] += number
        for family, of_exemplars in other._exemplars.items():
            for labels, exemplars in of_exemplars.items():
                known = self._exemplars.setdefault(family, {}).setdefault(labels, {})
                for place, exemplar in exemplars.items():
                    if place not in known or known[place].time < exemplar.time:
                        known[place] = exemplar

    def family(self, name: str) -> Mapping[Labels, Sequence[float]]:
        """The series of a family by their labels."""
        return self._families.get(name, {})

    def exemplars(self, name: str) -> Mapping[Labels, Mapping[int, Exemplar]]:
        """Those of a family, by the labels of its series."""
        return self._exemplars.get(name, {})

    def to_json(self) -> dict[str, Any]:
        """As what JSON can hold."""
        return {
            family: [[list(labels), series, *self._told(family, labels)] for labels, series in of_family.items()]
            for family, of_family in self._families.items()
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Iterable[Any]]) -> Figures:
        """What `to_json` made."""
        figures = cls()
        for family, rows in value.items():
            figures._families[family] = {tuple(labels): list(series) for labels, series, *_ in rows}
            for labels, _, *given in rows:
                for exemplar in given:
                    figures.exemplify(family, tuple(labels), Exemplar(*exemplar))
        return figures

    def _told(self, family: str, labels: Labels) -> list[list[Any]]:
        found = self._exemplars.get(family)
        return [] if found is None else [list(exemplar) for exemplar in found.get(labels, {}).values()]


class Counts(NamedTuple):
    """What processes know that serve HTTP.

    Attributes:
        counted: what has happened since they began; never less than before.
        present: how it is now.
    """

    counted: Figures
    present: Figures


class Counter(Protocol):
    """Knows the figures of all processes that serve HTTP."""

    async def counts(self) -> Counts:
        """Ask for them; returns what is known once the time for that is over."""
        ...
