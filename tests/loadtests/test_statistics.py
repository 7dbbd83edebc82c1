"""Percentiles, medians and spreads."""

from __future__ import annotations

import pytest
from harness.statistics import median, percentile, spread
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.lists(st.floats(-1e9, 1e9), min_size=1)


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 5), (51, 6), (90, 9), (99, 10), (100, 10)])
def test_a_percentile_is_the_value_at_its_rank(percent: float, value: float) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


@given(NUMBERS, st.floats(0, 100))
def test_at_least_so_many_values_do_not_exceed_a_percentile(values: list[float], percent: float) -> None:
    limit = percentile(values, percent)

    assert limit in values
    assert sum(value <= limit for value in values) >= len(values) * percent / 100


@pytest.mark.parametrize("percent", [-1, 101])
def test_there_is_no_percentile_beyond_0_to_100(percent: float) -> None:
    with pytest.raises(ValueError, match="not within 0 to 100"):
        percentile([1], percent)


def test_nothing_has_no_percentile_and_no_median() -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile([], 50)
    with pytest.raises(ValueError, match="no median"):
        median([])


@pytest.mark.parametrize(("values", "middle"), [([3], 3), ([9, 1, 5], 5), ([1, 2, 4, 9], 3)])
def test_the_median_is_in_the_middle(values: list[float], middle: float) -> None:
    assert median(values) == middle


def test_a_spread_pairs_the_figures_of_a_round() -> None:
    assert spread([10, 30, 20], [10, 10, 40]) == (0.5, 3.0)


def test_a_spread_needs_a_baseline_for_every_figure() -> None:
    with pytest.raises(ValueError, match="zip"):
        spread([1, 2], [1])
