"""What every benchmark shares: one event loop, the measuring, and the table at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from harness.table import as_text
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.measuring import HEADINGS, Measure, allocated, percentiles, row
from support.loops import run_callbacks

ROWS = pytest.StashKey[list[list[str]]]()


@pytest.fixture(scope="package")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The loop of everything asynchronous here. It runs for one operation at a time, which adds its start and stop to
    each: some ten microseconds."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()
        runner.run(run_callbacks())


@pytest.fixture
def measure(benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Measure:
    """Times an operation, and beforehand, untimed, sees how much memory it takes."""

    def measure(operation: Callable[[], object]) -> None:
        size = benchmark.extra_info["bytes_per_operation"] = allocated(operation)
        benchmark(operation)
        if benchmark.stats is None:  # --benchmark-disable
            return
        seconds = benchmark.stats.stats.data
        benchmark.extra_info |= percentiles(seconds)
        name = request.node.name.removeprefix("test_")
        rows = request.config.stash.setdefault(ROWS, [])
        rows.append(row(name, seconds, size, benchmark.stats.iterations))

    return measure


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table; what pytest-benchmark prints has neither the percentiles nor the bytes."""
    rows = config.stash.get(ROWS, [])
    if rows:
        terminalreporter.section("benchmarks")
        terminalreporter.write_line(as_text(HEADINGS, rows))
