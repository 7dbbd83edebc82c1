"""WebSockets whose messages come back."""

from __future__ import annotations

from collections.abc import Mapping

from harness.echo import echoed
from harness.experiments.requests import usual
from harness.experiments.turns import Outcome, Plan, Run, side_by_side
from harness.sides import Side
from harness.usage import cpu_seconds

MANY = 32
"""Connections."""


def echo(plan: Plan) -> Outcome:
    """Messages over 32 WebSockets, one on its way on each."""
    return side_by_side(plan, usual(), lambda side: _exchange(side, MANY))


def round_trip(plan: Plan) -> Outcome:
    """The same over one."""
    return side_by_side(plan, usual(), lambda side: _exchange(side, 1))


def _exchange(side: Side, clients: int) -> Run:
    def run(seconds: int) -> Mapping[str, float]:
        before = cpu_seconds(side.pids)
        done = echoed(side.port, side.path("/ws"), clients, seconds)
        used = cpu_seconds(side.pids) - before
        return {
            "messages": done.messages / done.seconds,
            "trip_p50": done.p50,
            "trip_p99": done.p99,
            "message_cpu": used / done.messages * 1e6,
            "client": done.client * 100,
        }

    return run
