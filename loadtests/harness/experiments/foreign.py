"""A plugin that is none of ours, under the gateway and called by gRPC's own library."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import sides
from harness.errors import MeasurementError
from harness.experiments.requests import MANY, read_json
from harness.experiments.turns import Outcome, Plan, Run, take_turns
from harness.processes import POLL_INTERVAL, READY_TIMEOUT, running
from harness.sides import BENCH, LOADTESTS, ROOT, Application

PROGRAM = [sys.executable, "-m", "harness.bare_servehttp"]
ATTACHED = Application("", ROOT, (), "/json", BENCH)
"""What is there already, and answers as the application of examples/bench does."""
GRACE = 30
"""Seconds that the client may take longer than it was told to."""


def serve_http(plan: Plan) -> Outcome:
    """GET /json over 64 connections of the gateway, and 64 calls at once, both to the same plugin."""
    with bare_plugin() as path:
        attach = ("--attach", f"{BENCH.removeprefix('/plugins/')}=unix:{path}")
        with sides.gateway(ATTACHED, "servehttp", name="foreign", options=attach) as side:
            return Outcome(take_turns(plan, {side.name: read_json(side, MANY), "bare calls": _bare_calls(path)}))


@contextmanager
def bare_plugin() -> Iterator[Path]:
    """The plugin, in a process of its own; gives the socket at which it listens."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "plugin.sock"
        with running([*PROGRAM, "serve", str(path)], cwd=LOADTESTS) as process:
            deadline = time.monotonic() + READY_TIMEOUT
            while not path.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise MeasurementError("the bare plugin does not listen")
                time.sleep(POLL_INTERVAL)
            yield path


def _bare_calls(path: Path) -> Run:
    def run(seconds: int) -> dict[str, float]:
        command = [*PROGRAM, "ask", str(path), str(MANY), str(seconds)]
        try:
            asked = subprocess.run(
                command, cwd=LOADTESTS, capture_output=True, text=True, timeout=seconds + GRACE, check=True
            )
        except subprocess.SubprocessError as error:
            raise MeasurementError(f"the calls failed: {getattr(error, 'stderr', None) or error}") from error
        return {"rps": float(asked.stdout)}

    return run
