"""What one operation takes: its memory, and its times as a row of the table."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence

from harness.statistics import median, percentile
from harness.table import number

Measure = Callable[[Callable[[], object]], None]
"""Measures an operation."""

HEADINGS = ("benchmark", "operations/s", "p50, µs", "p95, µs", "p99, µs", "bytes", "operations a sample")
PERCENTILES = (50, 95, 99)
WARM_UP, TRACED = 5, 21
"""Operations before memory is traced, and while it is."""


def allocated(operation: Callable[[], object]) -> int:
    """The most bytes of Python's memory that one operation holds at a time, in all threads: a median."""
    for _ in range(WARM_UP):
        operation()
    tracemalloc.start()
    try:
        return round(median([_peak(operation) for _ in range(TRACED)]))
    finally:
        tracemalloc.stop()


def _peak(operation: Callable[[], object]) -> int:
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    operation()
    _, peak = tracemalloc.get_traced_memory()
    return peak - before


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Those of the table, in seconds, by name."""
    return {f"p{percent}": percentile(seconds, percent) for percent in PERCENTILES}


def row(name: str, seconds: Sequence[float], size: int, iterations: int) -> list[str]:
    """The cells of one benchmark.

    Args:
        name: what it is called.
        seconds: samples, each the mean of so many operations.
        size: bytes of one operation.
        iterations: operations of a sample.
    """
    times = [number(time * 1e6) for time in percentiles(seconds).values()]
    return [name, number(len(seconds) / sum(seconds)), *times, f"{size:,}", str(iterations)]
