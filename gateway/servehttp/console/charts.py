"""Small lines of the last hour, as points for SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from servehttp.console.history import Stretch

WIDTH, HEIGHT = 240, 40
POINTS = 120
"""Of one line, at most: a screen shows no more."""
MARGIN = 3
HOUR = 3600.0
SHORTEST = 60.0
"""Seconds that a line is long at least and at most."""


@dataclass(frozen=True)
class Line:
    """A line of some value over the last hour.

    Attributes:
        segments: its parts, each the points of a polyline; between them there was no value.
        last: the last value; None if there is none.
        highest: the highest one; None likewise.
    """

    segments: Sequence[str]
    last: float | None
    highest: float | None


def line(stretches: Sequence[Stretch], value: Callable[[Stretch], float | None], now: float) -> Line:
    """The line of a value.

    Args:
        stretches: the last hour, oldest first.
        value: takes it out of one of them.
        now: where the line ends, in seconds since 1970. It begins an hour before, or with the first of them.
    """
    found = [(each.time, value(each)) for each in stretches]
    known = [number for _, number in found if number is not None]
    highest = max(known, default=None)
    whole = min(HOUR, max(now - found[0][0], SHORTEST)) if found else HOUR
    segments: list[list[str]] = [[]]
    for time, number in _thinned(found):
        if number is None:
            segments.append([])
            continue
        x = WIDTH * (1 - (now - time) / whole)
        y = HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (number / highest if highest else 0)
        segments[-1].append(f"{max(x, 0):.1f},{y:.1f}")
    return Line([_drawn(points) for points in segments if points], known[-1] if known else None, highest)


def _thinned(found: Sequence[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """Of each few the highest."""
    step = max(1, -(-len(found) // POINTS))
    groups = [found[place : place + step] for place in range(0, len(found), step)]
    return [
        (group[-1][0], max([number for _, number in group if number is not None], default=None)) for group in groups
    ]


def _drawn(points: list[str]) -> str:
    """A single point is drawn as a line too short to have a length, whose round ends are seen."""
    return " ".join(points if len(points) > 1 else points * 2)
