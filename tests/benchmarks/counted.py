"""Runs every operation between two marks in a profile of callgrind: see instructions.py."""

from __future__ import annotations

import gc
import os

from benchmarks.operations import OPERATIONS

REPEATED = 500
WARM_UP = 100


def main() -> None:
    """Run them, each with a mark before and a mark after."""
    made = [make() for make in OPERATIONS.values()]
    for operation in made:
        for _ in range(WARM_UP):
            operation()
    gc.collect()
    gc.freeze()  # what the collector looks through is what the operations left
    for operation in made:
        mark()
        for _ in range(REPEATED):
            operation()
        mark()


def mark() -> None:
    """Make callgrind write down what it counted since the last mark: it looks out for this system call's function."""
    os.getsid(0)


if __name__ == "__main__":
    main()
