"""Numbers out of many numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed (nearest rank).

    Raises:
        ValueError: there are no values, or `percent` is not within 0 to 100.
    """
    if not values:
        raise ValueError("no values have no percentile")
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent} is not within 0 to 100")
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values have no median")
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def middle_ratio(figures: Sequence[float], baselines: Sequence[float]) -> float:
    """The median of the ratios of two figures of the same round: what else went on then is in both of them."""
    return median(_ratios(figures, baselines))


def spread(figures: Sequence[float], baselines: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest ratio of two figures of the same round."""
    ratios = _ratios(figures, baselines)
    return min(ratios), max(ratios)


def _ratios(figures: Sequence[float], baselines: Sequence[float]) -> list[float]:
    return [figure / baseline for figure, baseline in zip(figures, baselines, strict=True)]
