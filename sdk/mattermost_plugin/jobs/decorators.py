"""The decorators that make a method a job, and how the jobs of a plugin are found and begun."""

from __future__ import annotations

import asyncio
import inspect
import math
import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, time, tzinfo
from typing import TYPE_CHECKING, Any

from mattermost_plugin.hooks import HookRegistrationError
from mattermost_plugin.jobs.clock import Clock, SystemClock
from mattermost_plugin.jobs.lease import Store
from mattermost_plugin.jobs.loop import JobLoop
from mattermost_plugin.jobs.schedules import Daily, Every, Schedule
from mattermost_plugin.marks import Decorator, marker, marks_of
from mattermost_plugin.source_places import place_of

if TYPE_CHECKING:
    from mattermost_plugin.background import BackgroundTasks

JOB_ATTR = "_mattermost_job"
SHORTEST = 1.0
"""Seconds between two runs."""
LONGEST_NAME = 100
"""Characters of a method's name, which is a part of a key."""


@dataclass(frozen=True)
class JobMark:
    """When a method is to run."""

    schedule: Schedule
    jitter: float


def every(seconds: float, *, jitter: float = 0.0) -> Decorator:
    """Have a method run again and again; the first time so many seconds after the plugin was first activated.

    Args:
        seconds: from one run's beginning to the next one's; at least 1. Where a run takes longer, those are left out
            that were due meanwhile.
        jitter: seconds by which each run is later than it is due, at most; chosen anew each time.

    Raises:
        HookRegistrationError: these are no such numbers.
    """
    if not _is_number(seconds) or seconds < SHORTEST:
        raise HookRegistrationError(f"@every takes seconds, at least {SHORTEST:g}, not {seconds!r:.100}")
    return _marker(Every(float(seconds)), jitter)


def daily(at: str, *, timezone: str = "UTC", jitter: float = 0.0) -> Decorator:
    """Have a method run once a day; one that was missed, because the plugin did not run, is made up for at its start.

    Args:
        at: the time of day, such as "03:00".
        timezone: where, such as "Europe/Berlin".
        jitter: seconds by which each run is later than it is due, at most; chosen anew each time.

    Raises:
        HookRegistrationError: there is no such time, or no such place.
    """
    return _marker(Daily(_time(at), _zone(timezone)), jitter)


class Jobs:
    """The jobs of a class and of those it inherits from, by the names of their methods.

    A method that overrides one stays a job; None in its place drops it.

    Args:
        cls: a plugin's class.

    Raises:
        HookRegistrationError: a method wants arguments, or is called otherwise than a key may be.
    """

    def __init__(self, cls: type) -> None:
        self._marks = marks_of(cls, JOB_ATTR, JobMark)
        for name in self._marks:
            _check(getattr(cls, name), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._marks)

    def __len__(self) -> int:
        return len(self._marks)

    def begin(
        self, plugin: object, tasks: BackgroundTasks, store: Store, clock: Clock | None
    ) -> Sequence[asyncio.Task[None]]:
        """Run them as background tasks, and return these.

        Args:
            plugin: whose methods they are.
            tasks: the plugin's.
            store: where its processes agree on who runs them.
            clock: the time; by default the machine's.
        """
        owner, clock = secrets.token_hex(16), clock or SystemClock()
        loops = {
            name: JobLoop(name, getattr(plugin, name), mark.schedule, _jitter(mark), store, clock, owner)
            for name, mark in self._marks.items()
        }
        return [tasks.start(loop.run(), name=f"job {name}") for name, loop in loops.items()]


def _jitter(mark: JobMark) -> Callable[[], float]:
    return lambda: random.uniform(0, mark.jitter)


def _marker(schedule: Schedule, jitter: float) -> Decorator:
    if not _is_number(jitter) or jitter < 0:
        raise HookRegistrationError(f"jitter= is a number of seconds, not {jitter!r:.100}")
    return marker(JOB_ATTR, JobMark(schedule, float(jitter)))


def _check(method: Callable[..., Any], name: str) -> None:
    try:
        inspect.signature(method).bind(object())
    except TypeError as error:
        raise HookRegistrationError(
            f"{place_of(method)}: {method.__qualname__} cannot be a job, which gets nothing but `self`: {error}"
        ) from None
    if len(name) > LONGEST_NAME:
        raise HookRegistrationError(f"{place_of(method)}: a job's name has at most {LONGEST_NAME} characters")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _time(at: str) -> time:
    hours, colon, minutes = at.partition(":") if isinstance(at, str) else ("", "", "")
    if colon and all(part.isascii() and part.isdigit() and len(part) == 2 for part in (hours, minutes)):
        try:
            return time(int(hours), int(minutes))
        except ValueError:
            pass
    raise HookRegistrationError(f'@daily takes a time of day such as "03:00", not {at!r:.100}')


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # there is no such file, or the name leads elsewhere
        raise HookRegistrationError(f'timezone= is a name such as "Europe/Berlin", not {name!r:.100}') from None
