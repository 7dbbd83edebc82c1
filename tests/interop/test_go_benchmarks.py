"""The Go benchmarks, a few calls of each: they run, check what they are answered, and report what they promise."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from interop import go_benchmarks
from interop.go_required import require_go

TIMEOUT = 250
"""Seconds; most of it is for the compiler where nothing is built yet."""

pytestmark = [pytest.mark.go, pytest.mark.timeout(TIMEOUT + 10)]

BENCHMARKS = {
    "BenchmarkAPIGetUser",
    "BenchmarkAPICreatePost",
    "BenchmarkHookInvocation",
    "BenchmarkServeHTTP/Get",
    "BenchmarkServeHTTP/Echo64KiB",
}


def test_every_go_benchmark_reports_percentiles_and_allocations(tmp_path: Path) -> None:
    require_go()
    exit_code, output = go_benchmarks.run(
        tmp_path,
        "-benchtime=5x",
        "-cpu=1",
        timeout=TIMEOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert exit_code == 0, output.decode()
    results = read_results(output.decode())
    assert results.keys() == BENCHMARKS
    for figures in results.values():
        assert 0 < figures["p50-ns/op"] <= figures["p95-ns/op"] <= figures["p99-ns/op"]
        assert figures["allocs/op"] > 0


def read_results(output: str) -> dict[str, dict[str, float]]:
    """The figures of each benchmark by their units, out of lines like `BenchmarkX  5  123 ns/op  4 p50-ns/op`."""
    results = {}
    for line in output.splitlines():
        if line.startswith("Benchmark"):
            name, _, *fields = line.split()
            results[name] = dict(zip(fields[1::2], map(float, fields[::2]), strict=True))
    return results
