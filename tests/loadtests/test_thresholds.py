"""Limits for a run of Locust."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from users.thresholds import Threshold, broken, parse, parse_all


@dataclass
class Entry:
    """Statistics as Locust has them: the times are 1 to 100 ms."""

    num_requests: int = 100
    max_response_time: int = 100
    avg_response_time: float = 50.5
    total_rps: float = 20.0
    fail_ratio: float = 0.02

    def get_response_time_percentile(self, percent: float) -> float:
        return percent * 100


ENTRIES = {"GET /json": Entry(), "WS /ws (round trip)": Entry()}


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("p95:GET /json>50", Threshold("p95", "GET /json", ">", 50)),
        ("p99.9:GET /json > 50.5", Threshold("p99.9", "GET /json", ">", 50.5)),
        ("fail>0.01", Threshold("fail", None, ">", 0.01)),
        ("rps:WS /ws (round trip)<100", Threshold("rps", "WS /ws (round trip)", "<", 100)),
        (" max:GET /bytes?n=1>2 ", Threshold("max", "GET /bytes?n=1", ">", 2)),
    ],
)
def test_a_limit_names_a_metric_an_entry_and_a_number(text: str, threshold: Threshold) -> None:
    assert parse(text) == threshold


@pytest.mark.parametrize("text", ["", "p95", "p95:GET /json", "p95:GET /json>", "p100>1", "speed>1", "p95>x", "p95>=3"])
def test_what_is_no_limit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 'p95:GET /json>50'"):
        parse(text)


def test_several_limits_have_semicolons_between_them() -> None:
    assert [threshold.metric for threshold in parse_all("p95>1; fail>0;")] == ["p95", "fail"]


@pytest.mark.parametrize(
    "text", ["p95:GET /json>94", "avg>50", "max>99", "rps<20.5", "fail>0.01", "count<101", "p50:WS /ws (round trip)<51"]
)
def test_a_value_beyond_its_limit_breaks_it(text: str) -> None:
    assert len(broken([parse(text)], ENTRIES, Entry())) == 1


@pytest.mark.parametrize("text", ["p95:GET /json>95", "avg>50.5", "max>100", "rps<20", "fail>0.02", "count<100"])
def test_a_value_at_its_limit_keeps_it(text: str) -> None:
    assert broken([parse(text)], ENTRIES, Entry()) == []


def test_a_sentence_says_what_was_broken() -> None:
    assert broken([parse("p95:GET /json>50")], ENTRIES, Entry()) == ["p95 of GET /json is 95, and the limit is 50"]


def test_a_limit_for_what_was_never_called_is_broken() -> None:
    (sentence,) = broken([parse("p95:GET /jsn>50")], ENTRIES, Entry())

    assert sentence == "GET /jsn has a limit and was never called; there are: GET /json, WS /ws (round trip)"
