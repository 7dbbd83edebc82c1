"""All of Locust's users before the gateway for long, with plugins killed meanwhile: nothing may grow.

Memory, descriptors, tasks and open exchanges of the gateway and of each plugin are looked at again and again; the slope
of each, with its confidence, tells whether it is flat.

Exit codes: 0 everything is flat, 1 failure, 2 wrong usage, 5 something grows, or that cannot be excluded.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness import machine, sampling, sides, watched
from harness.errors import MeasurementError
from harness.flatness import GOOD, Sample, judge, lives
from harness.options import at_least_one, default, end_in_order
from harness.pages import write_html
from harness.results import results_path, write_csv, write_json
from harness.sections import SOAK_HEADINGS, origin_section, soak_rows, soak_sections, soak_summary
from harness.sides import BOTH, LOADTESTS, Side
from harness.table import as_text

MINUTES, USERS, PAUSE = 30, 16, 0.05
KILLS = 6
"""Of plugins, which take turns, spread over the time."""
SAMPLES = 360
"""As many as there are moments at which everything is looked at."""
LEAST_INTERVAL = 1.0
GRACE = 60.0
"""Seconds: between two looks at least, and that Locust may take longer than it was told to."""
EXAMPLES = ("bench", "streaming")
RESTARTS = {"SERVEHTTP_PLUGINS__RESTART_LIMIT": "1000", "SERVEHTTP_PLUGINS__RESTART_DELAY_MAX": "1"}
COUNTS, LOG = "counts.json", "locust.log"
FAILURE, NOT_FLAT = 1, 5


def main() -> int:
    """Run, and judge; returns the exit code."""
    arguments = parse(sys.argv[1:])
    end_in_order()
    began, load = datetime.now(UTC), machine.load()
    try:
        samples, counted, killed = soak(arguments.minutes * 60, arguments.users, arguments.pause)
        seen = lives(samples)
        found = judge(seen)
    except (MeasurementError, ValueError) as error:
        print(error, file=sys.stderr)
        return FAILURE
    document = {
        "kind": "soak",
        "made": began.isoformat(timespec="seconds"),
        "load": [load, machine.load()],
        **machine.describe(),
        "plan": {"minutes": arguments.minutes, "users": arguments.users, "pause": arguments.pause},
        "requests": counted["requests"],
        "failures": counted["failures"],
        "kills": killed,
        "rows": [row.as_json() for row in found],
        "lives": [asdict(life) for life in seen],
    }
    publish(arguments.out, document)
    return 0 if all(row.verdict in GOOD for row in found) else NOT_FLAT


def soak(seconds: int, users: int, pause: float) -> tuple[list[Sample], dict[str, int], int]:
    """Put the load on; returns what was seen, Locust's counts, and how many plugins were killed.

    Raises:
        MeasurementError: a server or Locust failed, or something stays open once the load has ended.
    """
    with TemporaryDirectory() as name, watched_gateway(Path(name)) as side:
        with locust(side, Path(name), seconds, users, pause) as load:
            samples, killed = watch(side, load, seconds)
        counts = Path(name) / COUNTS
        if load.returncode or not counts.exists():
            raise MeasurementError(f"Locust ended with {load.returncode}:\n{(Path(name) / LOG).read_text()[-2000:]}")
        wait_until_closed(side)
        return samples, json.loads(counts.read_text(encoding="utf-8")), killed


@contextmanager
def watched_gateway(folder: Path) -> Iterator[Side]:
    """A gateway with plugins that are watched, and started anew however often they are killed."""
    env = {**RESTARTS, **sides.with_modules_of(str(LOADTESTS))}
    with sides.gateway(BOTH, plugin_dirs=watched.make_folders(folder, EXAMPLES), env=env) as side:
        yield side


@contextmanager
def locust(side: Side, folder: Path, seconds: int, users: int, pause: float) -> Iterator[subprocess.Popen[bytes]]:
    """All users, for the time of the block or so many seconds. What fails is counted, for plugins are killed."""
    command = [sys.executable, "-m", "locust", "-f", str(LOADTESTS / "locustfile.py"), "--headless", "--only-summary"]
    command += ["--host", f"http://127.0.0.1:{side.port}", "--times", COUNTS, "--exit-code-on-error", "0"]
    command += ["-u", str(users), "-r", str(users), "-t", f"{seconds}s", "--pause", str(pause)]
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(GRACE)


def watch(side: Side, load: subprocess.Popen[bytes], seconds: int) -> tuple[list[Sample], int]:
    """Look, and kill plugins in turn, until the load ends.

    Raises:
        MeasurementError: the load does not end, or the gateway cannot be asked.
    """
    began, killed = time.monotonic(), 0
    samples: list[Sample] = []
    kills = (began + seconds * (number + 1) / (KILLS + 1) for number in range(KILLS))
    victims, due = itertools.cycle(EXAMPLES), next(kills)
    while load.poll() is None:
        now = time.monotonic()
        if now > began + seconds + GRACE:
            raise MeasurementError("Locust does not end")
        if now >= due:
            killed += kill(side, next(victims))
            due = next(kills, math.inf)
        if now < began + seconds:
            samples += sampling.take(side, now - began)
        with contextlib.suppress(subprocess.TimeoutExpired):
            load.wait(max(LEAST_INTERVAL, seconds / SAMPLES))
    return samples, killed


def kill(side: Side, example: str) -> bool:
    """Kill a plugin's process; tells whether there was one."""
    pid = sampling.running(side).get(sampling.plugin_name(example))
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    return pid is not None


def wait_until_closed(side: Side) -> None:
    """Wait until nothing is open any more, and every plugin runs.

    Raises:
        MeasurementError: something is still open, or a plugin does not run.
    """
    deadline = time.monotonic() + GRACE
    while (held := sampling.open_exchanges(side)) or len(sampling.running(side)) < len(EXAMPLES):
        if time.monotonic() > deadline:
            raise MeasurementError(
                f"{GRACE:g} s after the load {held} exchanges are open, and these run: {sampling.running(side)}"
            )
        time.sleep(LEAST_INTERVAL)


def publish(out: Path, document: dict[str, Any]) -> None:
    """Keep everything, and print the verdicts."""
    write_json(out, document)
    write_csv(out.with_suffix(".csv"), document["rows"])
    write_html(out.with_suffix(".html"), "Soak", [*soak_sections(document), origin_section([document])])
    print(as_text(SOAK_HEADINGS, soak_rows(document)))
    print(f"\n{soak_summary(document)}; everything is in {out}")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=at_least_one, default=default("MINUTES", MINUTES), help="how long")
    parser.add_argument("--users", type=at_least_one, default=default("USERS", USERS), help="users at the same time")
    parser.add_argument("--pause", type=float, default=default("PAUSE", PAUSE), help="seconds between two requests")
    parser.add_argument("--out", type=Path, help="where the results go")
    arguments = parser.parse_args(words)
    arguments.out = arguments.out or results_path("soak", whole=arguments.minutes >= MINUTES)
    return arguments


if __name__ == "__main__":
    sys.exit(main())
