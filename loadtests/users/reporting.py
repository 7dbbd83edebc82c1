"""Entries of Locust's statistics for what is only a part of a request, or no request of Locust's own client."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locust import User

PART = "part"
"""In an event's context: it belongs to a request that has an entry of its own."""


def report(
    user: User, method: str, name: str, seconds: float, size: int, *, part: bool, error: Exception | None = None
) -> None:
    """Add one measurement to an entry."""
    user.environment.events.request.fire(
        request_type=method,
        name=name,
        response_time=seconds * 1000,
        response_length=size,
        exception=error,
        context={PART: part},
    )


def report_part(user: User, method: str, name: str, seconds: float, size: int) -> None:
    """Add the time of a part, such as the gap between two chunks."""
    report(user, method, name, seconds, size, part=True)


@contextmanager
def timed(user: User, method: str, name: str) -> Iterator[None]:
    """Make the block one measurement; what it raises is a failure of the entry and goes no further."""
    began, error = time.perf_counter(), None
    try:
        yield
    except Exception as raised:  # whatever failed belongs into the statistics, and the user goes on
        error = raised
    report(user, method, name, time.perf_counter() - began, 0, part=False, error=error)


def paused(user: Any) -> float:
    """How long a user waits before the next task: what --pause says, half more or less, lest all go at once."""
    return float(user.environment.parsed_options.pause) * random.uniform(0.5, 1.5)
