"""API calls and hooks beside bare gRPC calls: tests/benchmarks/ratios.py, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import MeasurementError
from harness.experiments.turns import Outcome, Plan
from harness.sides import LOADTESTS, ROOT

TURNS = 12
"""Short ones, in place of each round: 40 calls of each kind."""
TIMEOUT = 60
"""Seconds, for each round."""


def beside_bare_calls(plan: Plan) -> Outcome:
    """Every kind of call in turn."""
    with TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        command = [
            sys.executable,
            "-m",
            "benchmarks.ratios",
            "--rounds",
            str(TURNS * plan.rounds),
            "--out",
            str(figures),
        ]
        path = os.pathsep.join((str(ROOT / "tests"), str(LOADTESTS)))
        try:
            subprocess.run(
                command,
                env={**os.environ, "PYTHONPATH": path},
                capture_output=True,
                text=True,
                timeout=TIMEOUT * plan.rounds,
                check=True,
            )
        except subprocess.SubprocessError as error:
            raise MeasurementError(f"the calls failed: {getattr(error, 'stderr', None) or error}") from error
        return Outcome(json.loads(figures.read_text(encoding="utf-8")))
