"""Figures add up, whichever process has counted them."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from servehttp.figures import BOUNDS, Exemplar, Figures
from support.figures import how_many

seconds = st.floats(0, 100)
counted = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y"]), st.integers(1, 9)))
observed = st.lists(st.tuples(st.sampled_from("cd"), st.sampled_from(["x", "y"]), seconds))


def figures(counts: list[tuple[str, str, int]], values: list[tuple[str, str, float]]) -> Figures:
    made = Figures()
    for family, label, number in counts:
        made.count(family, (label,), number)
    for family, label, value in values:
        made.observe(family, (label,), value)
    return made


@given(counted, observed, counted, observed)
def test_those_of_two_processes_are_those_of_one_that_has_seen_everything(
    counts: list[tuple[str, str, int]],
    values: list[tuple[str, str, float]],
    others: list[tuple[str, str, int]],
    other_values: list[tuple[str, str, float]],
) -> None:
    both = figures(counts, values)
    both.add(figures(others, other_values))
    assert how_many(both) == how_many(figures(counts + others, values + other_values))


@given(counted, observed)
def test_they_go_through_json_unchanged(
    counts: list[tuple[str, str, int]], values: list[tuple[str, str, float]]
) -> None:
    made = figures(counts, values)
    assert Figures.from_json(json.loads(json.dumps(made.to_json()))).to_json() == made.to_json()


@given(seconds)
def test_a_value_is_in_the_bucket_of_the_first_bound_that_it_does_not_exceed(value: float) -> None:
    made = Figures()
    made.observe("c", (), value)
    *numbers, total = made.family("c")[()]
    place = next((place for place, bound in enumerate(BOUNDS) if value <= bound), len(BOUNDS))
    assert (numbers, total) == ([float(index == place) for index in range(len(BOUNDS) + 1)], value)


def test_what_is_added_to_does_not_change_what_was_added() -> None:
    one, two = figures([("a", "x", 1)], []), figures([("a", "x", 2)], [])
    one.add(two)
    one.count("a", ("x",))
    assert (how_many(one), how_many(two)) == ({("a", "x"): 4}, {("a", "x"): 2})


def test_of_several_exemplars_of_a_range_the_last_one_stands_in_whichever_process_it_was() -> None:
    one, other = Figures(), Figures()
    for figures_of, trace_id, value, time in ((one, "a", 0.3, 1.0), (other, "b", 0.4, 2.0), (one, "c", 7.0, 3.0)):
        figures_of.observe("f", ("x",), value)
        figures_of.exemplify("f", ("x",), Exemplar(trace_id, value, time))
    both = Figures.from_json(json.loads(json.dumps(one.to_json())))
    both.add(other)
    assert {exemplar.trace_id for exemplar in both.exemplars("f")[("x",)].values()} == {"b", "c"}
    other.add(both)
    assert both.exemplars("f") == other.exemplars("f")
