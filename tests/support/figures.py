"""Figures as numbers that a test can compare."""

from __future__ import annotations

from servehttp.figures import Figures
from servehttp.front.ledger import NOBODY, REFUSALS

TIMED = ("lag", "waits")
"""Families that have more values as time goes by, or whose values are times."""
OF_CONNECTIONS = (REFUSALS, NOBODY)
"""What begins like this is counted by connections, which only know the front's figures where they know the front."""


def how_many(figures: Figures) -> dict[tuple[str, ...], float]:
    """What each counter has come to, and of each distribution how many values there are, without what these are."""
    return {
        (family, *labels): sum(series[:-1]) if len(series) > 1 else series[0]
        for family, rows in figures.to_json().items()
        if family not in TIMED
        for labels, series in rows
        if (family, *labels)[:2] != OF_CONNECTIONS
    }


def difference(
    after: dict[tuple[str, ...], float], before: dict[tuple[str, ...], float]
) -> dict[tuple[str, ...], float]:
    """What has been added."""
    return {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
