"""How experiments are run: all sides in turn, round after round, so that whatever else the machine does meets them all.

Each side has a short run before the first round that counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from harness.errors import NotMeasured
from harness.measures import Figures
from harness.sides import Side

WARM_UP = 1
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: rounds, and seconds of each run that lasts as long as it is told to."""

    rounds: int
    seconds: int


@dataclass(slots=True)
class Outcome:
    """The figures; why a side has none; why there are none at all."""

    figures: Figures = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is measured, as a heading says it, and what measures it.

    `run` raises NotMeasured where something is missing without which there are no figures at all.
    """

    title: str
    run: Callable[[Plan], Outcome]


Run = Callable[[int], Mapping[str, float]]
"""One run of one side; takes the seconds it should last, and gives the figures."""
Start = tuple[str, AbstractContextManager[Side]]
"""A side that is not started yet, by its name."""


def take_turns(plan: Plan, runs: Mapping[str, Run]) -> Figures:
    """Every side once to warm up, then every side once in each round."""
    for run in runs.values():
        run(WARM_UP)
    figures: Figures = {name: {} for name in runs}
    for _ in range(plan.rounds):
        for name, run in runs.items():
            for quantity, value in run(plan.seconds).items():
                figures[name].setdefault(quantity, []).append(value)
    return figures


@contextmanager
def start_all(starts: Sequence[Start]) -> Iterator[tuple[list[Side], Outcome]]:
    """The sides that can be started here; why the others cannot is in the outcome."""
    outcome = Outcome()
    with ExitStack() as stack:
        up = []
        for name, start in starts:
            try:
                up.append(stack.enter_context(start))
            except NotMeasured as reason:
                outcome.missing[name] = str(reason)
        yield up, outcome


def side_by_side(plan: Plan, starts: Sequence[Start], run: Callable[[Side], Run]) -> Outcome:
    """What `run` makes of each side, all of which are up together."""
    with start_all(starts) as (up, outcome):
        outcome.figures = take_turns(plan, {side.name: run(side) for side in up})
    return outcome


def started_anew(plan: Plan, runs: Mapping[str, Callable[[], Mapping[str, float]]]) -> Outcome:
    """Sides that each run starts for itself, and that take as long as they take."""
    return Outcome(take_turns(plan, {name: _without_seconds(run) for name, run in runs.items()}))


def _without_seconds(run: Callable[[], Mapping[str, float]]) -> Run:
    return lambda _seconds: run()
