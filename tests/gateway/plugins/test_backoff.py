from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from servehttp.plugins.backoff import Backoff, RestartPolicy


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_delay_doubles_up_to_its_cap() -> None:
    backoff = Backoff(RestartPolicy(first_delay=1, longest_delay=5, limit=None), Clock())
    assert [backoff.failed() for _ in range(5)] == [1, 2, 4, 5, 5]


def test_the_failure_that_reaches_the_limit_ends_the_attempts() -> None:
    backoff = Backoff(RestartPolicy(limit=3), Clock())
    assert [backoff.failed() is None for _ in range(3)] == [False, False, True]


def test_failures_are_forgiven_when_the_window_has_moved_on() -> None:
    clock = Clock()
    backoff = Backoff(RestartPolicy(first_delay=1, limit=3, window=60), clock)
    assert backoff.failed() == 1
    clock.now = 30
    assert backoff.failed() == 2
    clock.now = 61
    assert backoff.failed() == 2
    clock.now = 62
    assert backoff.failed() is None


def test_after_good_service_the_first_restart_comes_at_once_and_later_ones_do_not() -> None:
    backoff = Backoff(RestartPolicy(first_delay=1, limit=4, window=3600, good_service=3600), Clock())
    assert [backoff.failed(served=served) for served in (3600, 5, 3599)] == [0, 2, 4]
    assert backoff.failed(served=1e9) is None


def test_what_counts_half_may_happen_twice_as_often() -> None:
    backoff = Backoff(RestartPolicy(limit=3), Clock())
    assert [backoff.failed(weight=0.5) is None for _ in range(6)] == [False] * 5 + [True]


def test_a_limit_of_one_allows_no_restart() -> None:
    assert Backoff(RestartPolicy(limit=1), Clock()).failed() is None


def test_a_delay_of_zero_stays_zero() -> None:
    backoff = Backoff(RestartPolicy(first_delay=0, limit=None), Clock())
    assert [backoff.failed() for _ in range(3)] == [0, 0, 0]


def test_somebody_who_acts_makes_it_start_afresh() -> None:
    backoff = Backoff(RestartPolicy(first_delay=1, limit=3), Clock())
    backoff.failed()
    backoff.failed()
    backoff.forget()
    assert backoff.failed() == 1


@given(st.lists(st.floats(min_value=0, max_value=100), max_size=300), st.integers(min_value=2, max_value=5))
def test_there_are_never_more_restarts_in_a_window_than_the_limit_allows(pauses: list[float], limit: int) -> None:
    clock = Clock()
    backoff = Backoff(RestartPolicy(first_delay=1, longest_delay=8, limit=limit, window=50), clock)
    restarts: list[float] = []
    for pause in pauses:
        clock.now += pause
        delay = backoff.failed()
        if delay is None:
            break
        assert 1 <= delay <= 8
        restarts.append(clock.now)
    for start in restarts:
        assert sum(start <= at <= start + 50 for at in restarts) < limit
