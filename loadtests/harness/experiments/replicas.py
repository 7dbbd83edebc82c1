"""What it gives to run a plugin in several processes: a route that computes, behind one of them and behind two."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness import sides
from harness.errors import MeasurementError, NotMeasured
from harness.experiments.turns import Outcome, Plan, Run, side_by_side
from harness.processes import POLL_INTERVAL, READY_TIMEOUT, read
from harness.sides import ONE, Side
from harness.wrk import run_wrk

CONNECTIONS = 16
BURN = "/burn?ms=5"


def computing(plan: Plan) -> Outcome:
    """GET /burn, whose answer takes 5 ms of CPU, over 16 connections."""
    if (cores := len(os.sched_getaffinity(0))) < 2:
        raise NotMeasured(f"two processes can compute no more than one on {cores} core")
    starts = [("one replica", _gateway("one replica", 1)), ("two replicas", _gateway("two replicas", 2))]
    return side_by_side(plan, starts, _burn)


@contextmanager
def _gateway(name: str, replicas: int) -> Iterator[Side]:
    env = {"SERVEHTTP_PLUGINS__REPLICAS": f"com.example.bench={replicas}"}
    with sides.gateway(ONE, name=name, env=env) as side:
        _wait_for_all(side)
        yield side


def _wait_for_all(side: Side) -> None:
    """It is ready when one runs."""
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline:
        [plugin] = json.loads(read(side.port, "/readyz?verbose"))["plugins"]
        if all(part["state"] == "running" for part in plugin.get("replicas", [plugin])):
            return
        time.sleep(POLL_INTERVAL)
    raise MeasurementError(f"not every process of the plugin runs: {plugin['reason']}")


def _burn(side: Side) -> Run:
    return lambda seconds: run_wrk(side, BURN, connections=CONNECTIONS, seconds=seconds)
