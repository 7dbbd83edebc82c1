"""When jobs are due: what is decided without a clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.jobs.schedules import Daily, Every, Plan, Schedule, following, planned

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 24 * 3600.0

moments = st.floats(min_value=0, max_value=4e9)
everies = st.builds(Every, st.floats(min_value=1, max_value=1e7))
dailies = st.builds(
    Daily, st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None)), st.sampled_from([UTC, BERLIN])
)
schedules: st.SearchStrategy[Schedule] = st.one_of(everies, dailies)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@given(schedules, moments, moments)
def test_what_follows_is_always_still_to_come(schedule: Schedule, due: float, now: float) -> None:
    assert schedule.next(now) > now
    assert schedule.after(due, now) > now
    assert schedule.after(due, now) > due


@given(everies, moments, st.floats(min_value=0, max_value=1e9))
def test_what_was_missed_is_not_made_up_for(schedule: Every, due: float, late: float) -> None:
    now = due + late
    assert schedule.after(due, now) <= now + 2 * schedule.seconds


@given(dailies, moments)
def test_a_day_has_one_moment(schedule: Daily, now: float) -> None:
    first = schedule.next(now)
    second = schedule.after(first, first)
    assert DAY - 3600 <= second - first <= DAY + 3600
    days = [datetime.fromtimestamp(moment, schedule.zone).date() for moment in (first, second)]
    assert days[1] - days[0] <= timedelta(days=2)


@pytest.mark.parametrize(
    ("schedule", "now", "following"),
    [
        (Daily(time(3)), "2026-11-30T02:59:59+00:00", "2026-11-30T03:00:00+00:00"),
        (Daily(time(3)), "2026-11-30T03:00:00+00:00", "2026-12-01T03:00:00+00:00"),
        (Daily(time(3), BERLIN), "2026-11-30T02:59:59+00:00", "2026-12-01T02:00:00+00:00"),
        (Daily(time(3), BERLIN), "2026-07-01T00:00:00+00:00", "2026-07-01T01:00:00+00:00"),
        (Daily(time(2, 30), BERLIN), "2026-03-29T00:00:00+00:00", "2026-03-29T01:30:00+00:00"),  # there is no 02:30
        (Daily(time(2, 30), BERLIN), "2026-10-25T00:00:00+00:00", "2026-10-25T00:30:00+00:00"),  # the first of two
        (Daily(time(2, 30), BERLIN), "2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"),
    ],
)
def test_times_of_day_are_those_of_a_place(schedule: Daily, now: str, following: str) -> None:
    assert schedule.next(at(now)) == at(following)


def test_an_interval_keeps_its_phase() -> None:
    assert Every(10).next(3) == 13
    assert Every(10).after(13, 14) == 23
    assert Every(10).after(13, 23) == 33
    assert Every(10).after(13, 59) == 63


@given(schedules, moments, moments, st.floats(min_value=0, max_value=60))
def test_a_plan_is_never_later_than_its_schedule_allows(
    schedule: Schedule, earlier: float, now: float, jitter: float
) -> None:
    first = planned(None, schedule, earlier, jitter)
    assert planned(first, schedule, earlier, 0.0) is first
    plan = planned(first, schedule, now, jitter)
    assert plan.due <= schedule.next(now)
    after = following(plan, schedule, max(now, plan.at), jitter)
    assert after.due > plan.due
    assert after.at - after.due == pytest.approx(jitter, abs=1e-3)


def test_a_plan_of_another_schedule_holds_no_more() -> None:
    plan = planned(None, Every(10), 0, 0)
    assert planned(plan, Every(20), 5, 0) == Plan("every 20 s", 25, 25)
    assert planned(plan, Every(10), 500, 0) is plan  # overdue, and so it runs at once


@given(schedules, moments, st.floats(min_value=0, max_value=60))
def test_a_plan_is_stored_and_read_again(schedule: Schedule, now: float, jitter: float) -> None:
    plan = planned(None, schedule, now, jitter)
    assert Plan.parse(plan.format()) == plan


ODD = (
    b'{"schedule": 1, "due": "x", "at": 0}',
    b'{"schedule": 1, "due": 0, "at": 1%s}' % (b"0" * 400),
    b"[" * 100_000,
)


@pytest.mark.parametrize("stored", [None, b"", b"{}", b"[]", b"null", b"\xff", *ODD], ids=range(9))
def test_what_is_no_plan_is_none(stored: bytes | None) -> None:
    assert Plan.parse(stored) is None
