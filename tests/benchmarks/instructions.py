"""What a change did, in instructions an operation: they vary by less than a hundredth, where times vary by half.

make bench ARGS="instructions [--update] [--baseline FILE]"

Every operation runs under valgrind's callgrind; the table has what was counted beside the baseline. --update makes it
the baseline instead. Exit codes: 0 counted, 1 valgrind is missing or failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.errors import MeasurementError
from harness.table import as_text
from harness.tools import install_missing

from benchmarks.counted import REPEATED
from benchmarks.operations import OPERATIONS
from servehttp.build import build_name

BASELINE = Path(__file__).parent / "baseline.json"
MARK = "getsid"
"""The function that `counted.mark` calls."""
TIMEOUT = 900
"""Seconds."""
HEADINGS = ("operation", "baseline", "now", "change")

Counts = Mapping[str, int]
"""Instructions of one operation, by its name."""


def main() -> int:
    """Count, and compare or keep; returns the exit code."""
    arguments = parse(sys.argv[1:])
    if missing := install_missing(["valgrind"]):
        print(*missing, sep="\n", file=sys.stderr)
        return 1
    try:
        found = {**origin(), "instructions": count()}
    except MeasurementError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.update:
        arguments.baseline.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"the baseline is {arguments.baseline} now")
        return 0
    baseline = json.loads(arguments.baseline.read_text(encoding="utf-8"))
    for sentence in differences(baseline, found):
        print(sentence)
    print(as_text(HEADINGS, compare(baseline["instructions"], found["instructions"])))
    return 0


def origin() -> dict[str, Any]:
    """What counts depend on beside the code."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": platform.machine(),
        "code": build_name(),
    }


def differences(baseline: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A sentence for everything that makes the counts differ whatever the change."""
    return [
        f"{name}: the baseline is of {baseline[name]}, this is {now[name]}, so that the counts differ for that alone"
        for name in ("python", "machine", "code")
        if baseline[name] != now[name]
    ]


def compare(baseline: Counts, now: Counts) -> list[list[str]]:
    """The table's rows: what is counted now, then what only the baseline has."""
    return [
        [name, _number(baseline.get(name)), _number(now.get(name)), _change(baseline.get(name), now.get(name))]
        for name in dict.fromkeys([*now, *baseline])
    ]


def _number(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"


def _change(before: int | None, after: int | None) -> str:
    if before is None:
        return "new"
    return "gone" if after is None else f"{(after / before - 1) * 100:+.1f} %"


def count() -> dict[str, int]:
    """Run the operations under callgrind.

    Raises:
        MeasurementError: it failed.
    """
    with TemporaryDirectory() as folder:
        command = [
            "valgrind",
            "--tool=callgrind",
            f"--dump-before={MARK}",
            f"--callgrind-out-file={folder}/counts",
            sys.executable,
            "-m",
            "benchmarks.counted",
        ]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}  # where things are in dicts is part of what is counted
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        if done.returncode:
            raise MeasurementError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        return counts_of([path.read_text() for path in dumps(Path(folder))])


def dumps(folder: Path) -> list[Path]:
    """The files that callgrind wrote at the marks, in order."""
    return sorted(folder.glob("counts.*"), key=lambda path: int(path.suffix[1:]))


def counts_of(profiles: list[str]) -> dict[str, int]:
    """The counts out of what was written at the marks: one before each operation, and one after it.

    Raises:
        MeasurementError: there are not as many as there should be.
    """
    if len(profiles) != 2 * len(OPERATIONS):
        raise MeasurementError(f"{len(profiles)} marks were seen instead of {2 * len(OPERATIONS)}")
    return {name: round(total(text) / REPEATED) for name, text in zip(OPERATIONS, profiles[1::2], strict=True)}


def total(profile: str) -> int:
    """All instructions in a file of callgrind's."""
    return next(int(line.split()[1]) for line in profile.splitlines() if line.startswith("totals:"))


def parse(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="make what is counted the baseline")
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="the file to compare with")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
