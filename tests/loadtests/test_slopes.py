"""Slopes with their confidence."""

from __future__ import annotations

import random

import pytest
from harness.slopes import Points, slope_of, thinned
from hypothesis import given
from hypothesis import strategies as st


def line(slope: float, noise: float = 0.0, *, seed: int = 1, start: float = 100.0, count: int = 40) -> Points:
    chance = random.Random(seed)
    return [(float(time), start + slope * time + chance.gauss(0, noise)) for time in range(count)]


def test_a_line_has_its_slope_and_no_doubt() -> None:
    slope = slope_of([line(0.25)])

    assert (slope.middle, slope.least, slope.most) == pytest.approx((0.25, 0.25, 0.25))


def test_an_outlier_does_not_move_it() -> None:
    points = [*line(0.25)]
    points[20] = (20.0, 1e6)

    assert slope_of([points]).middle == pytest.approx(0.25)


def test_a_step_between_two_strata_is_no_growth() -> None:
    low, high = line(0.0, start=10), line(0.0, start=1000)

    assert slope_of([low, high]).middle == 0
    assert slope_of([[*low, *((time + 40, value) for time, value in high)]]).most > 0


@pytest.mark.parametrize("true", [-0.5, 0.0, 0.5])
def test_the_interval_holds_the_true_slope_as_often_as_it_says(true: float) -> None:
    held = 0
    for seed in range(200):
        slope = slope_of([line(true, 5.0, seed=seed), line(true, 5.0, seed=seed + 1000)], confidence=0.9)
        held += slope.least <= true <= slope.most

    assert 170 <= held <= 195


def test_more_points_leave_less_doubt() -> None:
    few, many = slope_of([line(0.0, 1.0, count=20)]), slope_of([line(0.0, 1.0, count=80)])

    assert many.most - many.least < few.most - few.least


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(-99, 99)), min_size=2), st.floats(0.1, 0.99))
def test_the_slope_is_within_its_interval(points: list[tuple[int, int]], confidence: float) -> None:
    if len({time for time, _ in points}) == 1:
        return
    slope = slope_of([points], confidence)

    assert slope.least <= slope.middle <= slope.most


@pytest.mark.parametrize("strata", [[], [[]], [[(1.0, 2.0)]], [[(1.0, 2.0), (1.0, 3.0)]]])
def test_without_two_times_there_is_no_slope(strata: list[Points]) -> None:
    with pytest.raises(ValueError, match="two points"):
        slope_of(strata)


def test_points_that_stand_together_become_their_median() -> None:
    assert thinned([(0, 1), (1, 9), (2, 2), (3, 5), (4, 5), (5, 6)], blocks=2) == [(1, 2), (4, 5)]
    assert thinned([(0, 1), (1, 9)], blocks=2) == [(0, 1), (1, 9)]
    assert thinned([], blocks=2) == []
