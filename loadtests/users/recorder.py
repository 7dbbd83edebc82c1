"""Every response time exactly as it was measured: Locust's own statistics round to milliseconds."""

from __future__ import annotations

import time
from array import array
from pathlib import Path
from typing import Any

from harness.results import write_json
from harness.statistics import percentile

from users.reporting import PART

MICROSECONDS = 1000
"""In a millisecond."""


class Recorder:
    """Collects the times of one process and writes a summary.

    Args:
        warm_up: seconds from the first request whose times do not count.
    """

    def __init__(self, warm_up: float) -> None:
        self._warm_up = warm_up
        self._began: float | None = None
        self._times: dict[str, array[float]] = {}
        self._requests = 0
        self._failures = 0

    def record(
        self,
        request_type: str,
        name: str,
        response_time: float,
        exception: BaseException | None = None,
        context: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Take an event of Locust's."""
        now = time.monotonic()
        self._began = self._began or now
        self._requests += not (context or {}).get(PART)
        if exception is not None:
            self._failures += 1
        elif now >= self._began + self._warm_up:
            self._times.setdefault(f"{request_type} {name}", array("d")).append(response_time)

    def summary(self) -> dict[str, Any]:
        """All requests, warm-up included, and percentiles in microseconds without it."""
        return {
            "requests": self._requests,
            "failures": self._failures,
            "entries": {name: _summary(times) for name, times in sorted(self._times.items())},
        }

    def write(self, path: Path) -> None:
        """Keep the summary."""
        write_json(path, self.summary())


def _summary(times: array[float]) -> dict[str, float]:
    ordered = sorted(times)
    percentiles = {f"p{percent}": percentile(ordered, percent) * MICROSECONDS for percent in (50, 95, 99)}
    return {"count": len(ordered), **percentiles}
