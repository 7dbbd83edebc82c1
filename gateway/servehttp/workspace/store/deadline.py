"""Until when the running transaction waits for its server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

DEADLINE: ContextVar[float | None] = ContextVar("deadline", default=None)
"""By the loop's time; None is no limit."""


@contextmanager
def until(deadline: float | None) -> Iterator[None]:
    """Within, statements wait for a server until a moment of the loop's time; None is no limit."""
    token = DEADLINE.set(deadline)
    try:
        yield
    finally:
        DEADLINE.reset(token)
