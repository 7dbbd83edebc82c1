"""The benchmark's table: ratios, verdicts, and how they are written."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from harness.experiments import EXPERIMENTS
from harness.measures import MEASURES, Measure, Row, fill, missed
from harness.results import rounded
from harness.table import HEADINGS, as_markdown, as_text, cells, number

MORE = Measure("m", "g", "requests/s", "others", "/s", "e", ("a", "rps"), ("b", "rps"), "more", 1.0, 1.3)
LESS = Measure("m", "g", "p99", "others", "µs", "e", ("a", "p99"), ("b", "p99"), "less", 1.0, 0.8)


def figures(name: str, ours: list[float], theirs: list[float]) -> dict[str, dict[str, list[float]]]:
    return {"a": {name: ours}, "b": {name: theirs}}


@pytest.mark.parametrize(
    ("ours", "verdict"), [([99.0], "missed"), ([100.0], "reached"), ([129.0], "reached"), ([130.0], "aim reached")]
)
def test_where_more_is_better_a_ratio_has_to_be_at_least_the_target(ours: list[float], verdict: str) -> None:
    assert fill(MORE, figures("rps", ours, [100.0]), {}).verdict == verdict


@pytest.mark.parametrize(
    ("ours", "verdict"), [([101.0], "missed"), ([100.0], "reached"), ([81.0], "reached"), ([80.0], "aim reached")]
)
def test_where_less_is_better_a_ratio_has_to_be_at_most_the_target(ours: list[float], verdict: str) -> None:
    assert fill(LESS, figures("p99", ours, [100.0]), {}).verdict == verdict


def test_a_ratio_is_the_median_of_those_of_the_rounds_which_show_its_spread() -> None:
    row = fill(MORE, figures("rps", [100, 300, 200], [100, 100, 400]), {})

    assert (row.figure, row.baseline, row.ratio) == (200, 100, 1)
    assert (row.least, row.most) == (0.5, 3)


def test_a_baseline_may_be_a_number_that_was_measured_once() -> None:
    row = fill(replace(LESS, baseline=200.0), {"a": {"p99": [100, 180, 140]}}, {})

    assert (row.figure, row.baseline, row.ratio, row.verdict) == (140, 200, 0.7, "aim reached")
    assert (row.least, row.most) == (0.5, 0.9)


def test_a_row_without_targets_is_shown_and_cannot_be_missed() -> None:
    row = fill(replace(MORE, reach=None, aim=None), figures("rps", [1], [100]), {})

    assert row.verdict == "shown"
    assert cells(row.as_json())[-3:] == ["–", "–", "shown"]
    assert missed([row]) == []


def test_a_side_that_is_missing_is_not_measured_and_says_why() -> None:
    row = fill(MORE, {"a": {"rps": [1.0]}}, {"b": "b is not installed"})

    assert row.verdict == "not measured"
    assert cells(row.as_json())[-1] == "not measured: b is not installed"


def test_an_experiment_that_is_missing_says_why_for_all_its_rows() -> None:
    assert fill(MORE, {}, {}, "there is no wrk").reason == "there is no wrk"


def test_only_what_was_measured_can_be_missed() -> None:
    short = fill(MORE, figures("rps", [1], [2]), {})

    assert missed([Row(MORE, reason="no wrk"), short, fill(MORE, figures("rps", [2], [2]), {})]) == [short]


def test_every_measure_belongs_to_an_experiment_and_is_harder_to_reach_the_further_it_aims() -> None:
    assert {measure.experiment for measure in MEASURES} == set(EXPERIMENTS)
    for measure in MEASURES:
        assert (measure.reach is None) == (measure.aim is None)
        if measure.reach is not None and measure.aim is not None:
            assert measure.met(measure.aim, measure.reach)
    assert len({measure.key for measure in MEASURES}) == len(MEASURES)


def test_a_row_is_plain_json_with_one_cell_for_each_heading() -> None:
    row = json.loads(json.dumps(fill(MORE, figures("rps", [31_800], [25_000]), {}).as_json()))

    assert cells(row) == [
        "requests/s",
        "31,800/s",
        "others",
        "25,000/s",
        "1.27",
        "1.27 to 1.27",
        "≥ 1",
        "≥ 1.3",
        "reached",
    ]
    assert len(cells(row)) == len(HEADINGS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (31_849.2, "31,800"),
        (1_245, "1,240"),
        (999.6, "1,000"),
        (100, "100"),
        (48.26, "48.3"),
        (0.618, "0.62"),
        (0, "0.00"),
    ],
)
def test_a_number_shows_three_figures_that_mean_something(value: float, text: str) -> None:
    assert number(value) == text


def test_negative_numbers_show_as_many_figures() -> None:
    assert [number(value) for value in (-31_849.2, -48.26, -0.618)] == ["-31,800", "-48.3", "-0.62"]


def test_columns_of_text_are_as_wide_as_their_widest_cell() -> None:
    assert as_text(["a", "b"], [["long", "x"]]) == "a     b\n────  ─\nlong  x"


def test_a_bar_within_a_cell_does_not_end_it() -> None:
    assert as_markdown(["a"], [["x|y"]]) == "| a |\n| --- |\n| x\\|y |"


def test_results_are_kept_with_six_digits() -> None:
    assert rounded({"a": [1 / 3, 2], "b": (None, "x")}) == {"a": [0.333333, 2], "b": [None, "x"]}
