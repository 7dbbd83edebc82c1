"""What a request costs while a tunnel has other exchanges open: as much with 10,000 of them as with 10.

Of each count there are two cores with the codec between them, in which so many exchanges stay open. The counts take
turns, short ones, and the CPU time of further requests is taken. Exit codes: 0 measured, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness import machine
from harness.cores import Cores, as_bytes, hold, request
from harness.options import at_least_one, default
from harness.results import results_path, write_json
from harness.sections import OPEN_HEADINGS, open_rows
from harness.table import as_text

COUNTS = (10, 100, 1_000, 10_000)
ROUNDS, REQUESTS = 41, 500


def main() -> int:
    """Measure and print; returns the exit code."""
    arguments = parse(sys.argv[1:])
    began = datetime.now(UTC)
    load = machine.load()
    costs = measure(arguments.rounds, arguments.requests)
    document = {
        "kind": "bench-open",
        "made": began.isoformat(timespec="seconds"),
        "load": [load, machine.load()],
        **machine.describe(),
        "plan": {"rounds": arguments.rounds, "requests": arguments.requests},
        "costs": {str(count): figures for count, figures in costs.items()},
    }
    write_json(arguments.out, document)
    print(as_text(OPEN_HEADINGS, open_rows(document)))
    print(f"\nload of the machine before and after: {document['load']}; everything is in {arguments.out}")
    return 0


def measure(rounds: int, requests: int, counts: Sequence[int] = COUNTS) -> dict[int, list[float]]:
    """Microseconds of CPU for a request with so many exchanges open, once for each round."""
    tunnels = {count: with_open(count) for count in counts}
    costs: dict[int, list[float]] = {count: [] for count in counts}
    gc.collect()
    for number in range(rounds):
        for count in counts if number % 2 == 0 else reversed(counts):
            costs[count].append(cost_of_request(tunnels[count], requests))
    return costs


def with_open(count: int) -> Cores:
    """Cores with so many exchanges that stay open."""
    cores = Cores()
    for _ in range(count):
        hold(cores, as_bytes)
    return cores


def cost_of_request(cores: Cores, requests: int) -> float:
    """Microseconds of CPU that one more request takes."""
    start = time.process_time()
    for _ in range(requests):
        request(cores, as_bytes)
    return (time.process_time() - start) / requests * 1e6


def parse(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=at_least_one, default=default("ROUNDS", ROUNDS), help="turns of each count")
    parser.add_argument("--requests", type=at_least_one, default=REQUESTS, help="further requests of each turn")
    parser.add_argument("--out", type=Path, default=results_path("bench-open", whole=True), help="where the results go")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
