"""How sides take turns, and what becomes of those that cannot be started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from harness.errors import NotMeasured
from harness.experiments.turns import WARM_UP, Plan, Run, side_by_side, started_anew, take_turns
from harness.sides import Side

PLAN = Plan(rounds=2, seconds=3)


def test_each_round_has_every_side_after_a_run_that_counts_for_nothing() -> None:
    order: list[tuple[str, int]] = []

    def side(name: str) -> Run:
        def run(seconds: int) -> Mapping[str, float]:
            order.append((name, seconds))
            return {"rps": float(len(order))}

        return run

    figures = take_turns(PLAN, {"a": side("a"), "b": side("b")})

    assert order == [("a", WARM_UP), ("b", WARM_UP), ("a", 3), ("b", 3), ("a", 3), ("b", 3)]
    assert figures == {"a": {"rps": [3, 5]}, "b": {"rps": [4, 6]}}


@contextmanager
def up(name: str) -> Iterator[Side]:
    yield Side(name, 1, "", [], 0.0)


@contextmanager
def absent() -> Iterator[Side]:
    raise NotMeasured("it is not installed")
    yield Side("absent", 1, "", [], 0.0)


def test_a_side_that_cannot_be_started_leaves_the_others_and_says_why() -> None:
    outcome = side_by_side(PLAN, [("here", up("here")), ("absent", absent())], lambda side: lambda _: {"rps": 1.0})

    assert outcome.figures == {"here": {"rps": [1, 1]}}
    assert outcome.missing == {"absent": "it is not installed"}


def test_sides_that_are_started_anew_take_the_time_that_they_take() -> None:
    outcome = started_anew(PLAN, {"fresh": lambda: {"seconds": 0.5}})

    assert outcome.figures == {"fresh": {"seconds": [0.5, 0.5]}}
