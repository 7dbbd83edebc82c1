"""When a job is due: decided from what is stored of it and the time, without I/O.

Times are seconds since the epoch.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Protocol


class Schedule(Protocol):
    """The moments at which a job is due. Its text tells it from others."""

    def next(self, now: float) -> float:
        """The first one, if there was none yet: later than `now`."""
        ...

    def after(self, due: float, now: float) -> float:
        """The one that follows `due`, and is later than `now`: those that were missed are not made up for."""
        ...


@dataclass(frozen=True)
class Every:
    """One each `seconds`."""

    seconds: float

    def next(self, now: float) -> float:
        return now + self.seconds

    def after(self, due: float, now: float) -> float:
        missed = max(0, math.floor((now - due) / self.seconds))
        following = due + (missed + 1) * self.seconds
        return following if following > now else following + self.seconds  # where rounding has lost the difference

    def __str__(self) -> str:
        return f"every {self.seconds:g} s"


@dataclass(frozen=True)
class Daily:
    """One a day, at a time of day somewhere. When clocks are put forward over it, it is as much later."""

    time: time
    zone: tzinfo = UTC

    def next(self, now: float) -> float:
        today = datetime.fromtimestamp(now, self.zone).date()
        days = (datetime.combine(today + timedelta(days=ahead), self.time, self.zone) for ahead in range(3))
        return next(moment for day in days if (moment := day.timestamp()) > now)

    def after(self, due: float, now: float) -> float:
        return self.next(max(due, now))

    def __str__(self) -> str:
        return f"daily at {self.time:%H:%M} {self.zone}"


@dataclass(frozen=True)
class Plan:
    """What is stored of a job: when it runs next.

    Attributes:
        schedule: by which schedule.
        due: when it is due by that.
        at: when it is to run, which is later by its jitter.
    """

    schedule: str
    due: float
    at: float

    @classmethod
    def parse(cls, stored: bytes | None) -> Plan | None:
        """The plan that is stored; None if there is none, or something else."""
        try:
            fields = json.loads(stored or b"")
            return cls(str(fields["schedule"]), float(fields["due"]), float(fields["at"]))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None

    def format(self) -> bytes:
        """What is stored."""
        return json.dumps(asdict(self)).encode()


def planned(stored: Plan | None, schedule: Schedule, now: float, jitter: float) -> Plan:
    """The plan that holds: what is stored, unless that is another schedule's, or later than this one allows.

    Args:
        stored: what is stored.
        schedule: the job's.
        now: the time.
        jitter: seconds by which it is to run later than it is due.
    """
    following = schedule.next(now)
    if stored is not None and stored.schedule == str(schedule) and stored.due <= following:
        return stored
    return Plan(str(schedule), following, following + jitter)


def following(plan: Plan, schedule: Schedule, now: float, jitter: float) -> Plan:
    """The plan after a run that has ended `now`."""
    due = schedule.after(plan.due, now)
    return Plan(str(schedule), due, due + jitter)
