"""Every benchmark by one command: `make bench ARGS="WHAT [OPTION…]"`; each WHAT has a --help of its own.

| WHAT | what it does |
|---|---|
| `gateway` | puts the gateway beside uvicorn alone and nginx; it is what runs where no WHAT is given |
| `open` | counts what a request costs in a tunnel's cores while thousands of others are open |
| `parts` | times single parts, API calls and hooks; options are pytest's |
| `instructions` | counts the instructions of single parts, beside the baseline |
| `calls` | puts API calls and hooks beside a bare gRPC call: these rows of `gateway` alone |
| `reload` | times an edit of a plugin until it is served, beside the plugin's start |
| `go` | times calls from a Go host to our processes; options are those of `go test` |
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from servehttp.build import build_name, is_compiled

ROOT = Path(__file__).parents[1]
PARTS = ("-m", "pytest", "-o", "python_files=bench_*.py", "--benchmark-quiet", "tests/benchmarks")
GATEWAY = ("loadtests/beside_others.py",)
BENCHMARKS = {
    "gateway": GATEWAY,
    "open": ("loadtests/open_exchanges.py",),
    "parts": PARTS,
    "instructions": ("-m", "benchmarks.instructions"),
    "calls": (*GATEWAY, "--only", "calls"),
    "reload": ("loadtests/reload.py",),
    "go": ("-m", "interop.go_benchmarks"),
}
"""What Python is given for each."""
DEFAULT = "gateway"


def command(arguments: list[str]) -> list[str]:
    """What Python is given for what was asked.

    Raises:
        LookupError: there is no such benchmark.
    """
    named = bool(arguments) and not arguments[0].startswith("-")
    what, options = (arguments[0], arguments[1:]) if named else (DEFAULT, arguments)
    if what not in BENCHMARKS:
        raise LookupError(f"there is no benchmark {what}: there are {', '.join(BENCHMARKS)}")
    return [*BENCHMARKS[what], *options]


def main() -> None:
    """Become the benchmark that was asked for; exit code 2 if there is none."""
    try:
        chosen = command(sys.argv[1:])
    except LookupError as error:
        print(error.args[0], file=sys.stderr)
        sys.exit(2)
    fate = "" if is_compiled() else "; figures of it are not published"
    print(f"measured is the {build_name()} build{fate}", file=sys.stderr)
    os.chdir(ROOT)
    path = os.pathsep.join(("tests", "loadtests"))
    os.execve(sys.executable, [sys.executable, *chosen], os.environ | {"PYTHONPATH": path})


if __name__ == "__main__":
    main()
