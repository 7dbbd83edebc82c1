"""Whether made-up series of a soak are flat."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from harness.flatness import GOOD, Flatness, Life, Sample, judge, lives, settled

MINUTE = 60.0


def life(value_at: Callable[[float], float], *, began: float = 0.0, minutes: int = 30, number: int = 1) -> Life:
    """Memory looked at every five seconds, with half a MiB of noise."""
    chance = random.Random(number)
    times = [began + step * 5.0 for step in range(minutes * 12)]
    return Life("gateway", "memory", number, [(time, value_at(time) + chance.gauss(0, 0.5)) for time in times])


def judged(*found: Life) -> Flatness:
    (row,) = judge(found)
    return row


def test_what_only_trembles_is_flat() -> None:
    row = judged(life(lambda _: 60.0))

    assert row.verdict == "flat"
    assert row.held == pytest.approx(60, abs=0.2)
    assert row.least <= row.growth <= row.most


def test_a_leak_of_16_bytes_a_request_grows() -> None:
    requests_a_second = 500
    row = judged(life(lambda time: 60 + 16 * requests_a_second * time / 2**20))

    assert row.verdict == "grows"
    assert row.per_hour == pytest.approx(27.5, rel=0.1)


def test_what_is_taken_at_the_beginning_and_kept_is_flat() -> None:
    assert judged(life(lambda time: 60 - 20 * 0.5 ** (time / MINUTE))).verdict == "flat"


def test_what_is_given_back_falls_and_that_is_good() -> None:
    row = judged(life(lambda time: 90 - time / MINUTE))

    assert row.verdict == "falls"
    assert row.verdict in GOOD


def test_what_swings_too_wildly_is_not_decided() -> None:
    chance = random.Random(1)
    row = judged(life(lambda _: 60 + chance.gauss(0, 30), minutes=2))

    assert row.verdict == "not decided"
    assert row.verdict not in GOOD


def test_a_process_that_is_started_anew_and_leaks_grows_though_each_life_begins_as_low() -> None:
    leaks = [life(lambda time: 60 + time % 600 / MINUTE, began=600.0 * n, minutes=10, number=n) for n in range(3)]
    holds = [life(lambda _: 60.0, began=600.0 * n, minutes=10, number=n) for n in range(3)]

    assert judged(*leaks).verdict == "grows"
    assert judged(*holds).verdict == "flat"


def test_a_higher_level_after_a_new_start_is_no_growth() -> None:
    assert judged(life(lambda _: 60.0), life(lambda _: 75.0, began=1800.0, number=2)).verdict == "flat"


def test_numbers_that_never_change_are_flat_without_doubt() -> None:
    row = judged(Life("gateway", "tasks", 1, [(float(second), 17.0) for second in range(60)]))

    assert (row.growth, row.least, row.most, row.verdict) == (0, 0, 0, "flat")


def test_a_handful_more_is_allowed_and_a_dozen_is_not() -> None:
    def tasks(most: float) -> Flatness:
        return judged(Life("gateway", "tasks", 1, [(float(second), most * second / 59) for second in range(60)]))

    assert tasks(8).verdict == "flat"
    assert tasks(24).verdict == "grows"


def test_the_first_third_of_a_life_is_left_out() -> None:
    assert settled([(10.0, 9.0), (20.0, 5.0), (30.0, 5.0), (40.0, 5.0)]) == [(20.0, 5.0), (30.0, 5.0), (40.0, 5.0)]


def test_samples_become_lives_of_each_quantity() -> None:
    samples = [Sample("gateway", quantity, 7, time, 1.0) for time in (0.0, 5.0) for quantity in ("memory", "tasks")]

    assert lives(samples) == [
        Life("gateway", "memory", 7, [(0.0, 1.0), (5.0, 1.0)]),
        Life("gateway", "tasks", 7, [(0.0, 1.0), (5.0, 1.0)]),
    ]


def test_too_few_samples_are_an_error() -> None:
    with pytest.raises(ValueError, match="two points"):
        judged(Life("gateway", "memory", 1, [(0.0, 60.0)]))
