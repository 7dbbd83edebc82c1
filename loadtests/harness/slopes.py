"""How fast something grows, with the interval in which its true slope is: Theil and Sen's estimator with strata.

The slope is the median of the slopes between all pairs of points of one stratum, so a few outliers do not move it, and
a step between two strata, such as a process that was started anew, is no growth. The interval is that of Sen's ranks,
with the variances of all strata together, as for the seasonal test of Kendall.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from harness.statistics import median

CONFIDENCE = 0.95
BLOCKS = 40
"""Points that are left of a stratum: what stands close together is not independent, and would make the interval look
narrower than it is."""

Points = Sequence[tuple[float, float]]
"""Times and values."""


@dataclass(frozen=True, slots=True)
class Slope:
    """The slope, and the least and the greatest that it may be with the confidence that was asked for."""

    middle: float
    least: float
    most: float


def slope_of(strata: Sequence[Points], confidence: float = CONFIDENCE) -> Slope:
    """The slope that all strata have in common.

    Raises:
        ValueError: no stratum has two points at different times.
    """
    slopes = sorted(slope for points in strata for slope in _slopes(points))
    if not slopes:
        raise ValueError("a slope needs two points at different times")
    apart = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(sum(map(_variance, strata)))
    least = max(0, math.floor((len(slopes) - apart) / 2) - 1)
    most = min(len(slopes) - 1, math.ceil((len(slopes) + apart) / 2))
    return Slope(median(slopes), slopes[least], slopes[most])


def thinned(points: Points, blocks: int = BLOCKS) -> Points:
    """The medians of so many blocks of points that follow one another; fewer points stay as they are."""
    size = math.ceil(len(points) / blocks)
    return [_middle(points[start : start + size]) for start in range(0, len(points), max(size, 1))]


def _middle(points: Points) -> tuple[float, float]:
    times, values = zip(*points, strict=True)
    return median(times), median(values)


def _slopes(points: Points) -> list[float]:
    pairs = itertools.combinations(points, 2)
    return [(second - first) / (later - earlier) for (earlier, first), (later, second) in pairs if later != earlier]


def _variance(points: Points) -> float:
    """Of the number of pairs that rise less those that fall, if nothing grows."""
    n = len(points)
    return n * (n - 1) * (2 * n + 5) / 18
