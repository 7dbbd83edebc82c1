"""Quantiles of what was counted in buckets, estimated as Prometheus' `histogram_quantile` does it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from servehttp.figures import BOUNDS


def quantile(share: float, buckets: Sequence[float]) -> float | None:
    """The value in seconds below which a share of all lie; None if there are none.

    Args:
        share: such as 0.99.
        buckets: how many fell between each two of `BOUNDS`, and above the last, each counted once.
    """
    total = sum(buckets)
    if total <= 0 or math.isnan(total):
        return None
    rank, below = share * total, 0.0
    for place, count in enumerate(buckets):
        if below + count >= rank and count > 0:
            if place == len(BOUNDS):
                return BOUNDS[-1]
            low = BOUNDS[place - 1] if place else 0.0
            return low + (BOUNDS[place] - low) * (rank - below) / count
        below += count
    return BOUNDS[-1]
