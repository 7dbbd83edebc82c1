"""Runs the whole benchmark, the load tests and the one with many open exchanges, and publishes them.

They become docs/performance.md, and the figures in README.md.

Only the compiled build is published. Exit codes: 0 all is reached and published, 1 failure, 5 published, and a ratio is
missed.
"""

from __future__ import annotations

import os
import subprocess
import sys

from harness.options import end_in_order
from harness.sides import LOADTESTS

from servehttp.build import describe_build, is_compiled

STEPS = ("beside_others.py", "load.py", "open_exchanges.py", "performance.py", "front_page.py")
"""Programs in this folder."""
CHOICES = ("ONLY", "SCENARIO")
"""Variables that would leave something out."""
FAILURE, MISSED = 1, 5


def main() -> int:
    """Run one after the other; returns the exit code."""
    if not is_compiled():
        print(f"only the compiled build is published, and this is {describe_build()}", file=sys.stderr)
        return FAILURE
    end_in_order()
    environment = {name: value for name, value in os.environ.items() if name not in CHOICES}
    missed = False
    for step in STEPS:
        print(f"{step} …", file=sys.stderr, flush=True)
        code = subprocess.run([sys.executable, str(LOADTESTS / step)], env=environment, check=False).returncode
        if code not in (0, MISSED):
            return FAILURE
        missed = missed or code == MISSED
    return MISSED if missed else 0


if __name__ == "__main__":
    sys.exit(main())
