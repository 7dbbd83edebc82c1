"""Server-sent events to many clients."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import NotMeasured
from harness.events import counted, listening
from harness.experiments.requests import usual
from harness.experiments.turns import Outcome, Plan, Run, side_by_side
from harness.processes import allow_open_files
from harness.sides import Side
from harness.usage import cpu_seconds

CLIENTS = 1000
INTERVAL = 0.1
"""Seconds between two events of a client."""
ENDLESS = 10**9
FILES = 2 * CLIENTS + 500
"""Open files that one server may need."""


def server_sent(plan: Plan) -> Outcome:
    """10 events a second for each of 1,000 clients, each with the time at which it was made."""
    if not allow_open_files(FILES):
        raise NotMeasured(f"{FILES} open files are needed, and `ulimit -Hn` allows fewer")
    return side_by_side(plan, usual(), _listen)


def _listen(side: Side) -> Run:
    def run(seconds: int) -> Mapping[str, float]:
        with listening(side.port, side.path(f"/clock?n={ENDLESS}&interval={INTERVAL}"), CLIENTS) as clients:
            before = cpu_seconds(side.pids)
            came = counted(clients, seconds)
            used = cpu_seconds(side.pids) - before
        return {
            "events": came.events / came.seconds,
            "event_cpu": used / came.events * 1e6,
            "lag_p50": came.p50,
            "lag_p99": came.p99,
        }

    return run
