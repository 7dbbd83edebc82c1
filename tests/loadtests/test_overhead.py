"""What a request costs more than alone, out of runs of Locust."""

from __future__ import annotations

from harness.overhead import Cost, Figures, OneRun, Overhead, add_run, costs, overheads
from harness.sections import cost_table, overhead_table
from harness.usage import Usage
from harness.watching import Watched


def run(p50: float, cpu: float) -> OneRun:
    times = {
        "requests": 100,
        "failures": 0,
        "entries": {"GET /json": {"count": 90, "p50": p50, "p95": p50, "p99": 900}},
    }
    return OneRun(times, {"server": cpu}, {"server": 3 * 2**20})


def two_sides() -> dict[str, Figures]:
    figures: Figures = {}
    for p50 in (100, 300, 200):
        add_run(figures, "uvicorn", run(p50, 0.01))
        add_run(figures, "gateway", run(p50 + 50, 0.03))
    return {"json": figures}


def test_overhead_is_between_the_medians_of_the_rounds() -> None:
    assert list(overheads(two_sides())) == [
        Overhead("json", "GET /json", "uvicorn", (200, 200, 900), (0, 0, 0)),
        Overhead("json", "GET /json", "gateway", (250, 250, 900), (50, 50, 0)),
    ]


def test_cpu_is_microseconds_a_request_and_memory_is_mebibytes() -> None:
    assert list(costs(two_sides())) == [
        Cost("json", "uvicorn", "server", 100, 3),
        Cost("json", "gateway", "server", 300, 3),
    ]


def test_the_tables_have_a_column_for_every_side_that_ran() -> None:
    table = overhead_table(two_sides())

    assert table.headings == ["entry", "uvicorn alone", "gateway"]
    assert table.rows == [["GET /json", "0.20 / 0.20 / 0.90", "+0.05 / +0.05 / +0.00"]]
    assert cost_table(two_sides()).rows[1] == ["json", "gateway", "server", "300", "3.00"]


def test_processes_of_one_name_count_together_and_the_most_memory_counts() -> None:
    watched = Watched()
    before = {1: Usage("gateway", 5.0, 10), 2: Usage("plugin", 1.0, 10)}
    after = {1: Usage("gateway", 6.5, 30), 2: Usage("plugin", 1.25, 5), 3: Usage("plugin", 0.5, 4)}
    for found in (before, after):
        watched.see(found)
    watched.spend(before, after)

    assert watched.cpu == {"gateway": 1.5, "plugin": 0.75}
    assert watched.memory == {"gateway": 30, "plugin": 10}
