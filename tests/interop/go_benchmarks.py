"""Runs the Go benchmarks in `go/` against Python processes of ours, built from Debian's packages without network.

make bench ARGS="go [ARGUMENT…]"

Arguments are those of `go test`: -benchtime=5s, -count=3, -bench=ServeHTTP.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from interop import go_tools

ROOT = go_tools.HERE.parent.parent
GO_PATH = ROOT / "build/go"

COMMAND = ("go", "test", "-ldflags", go_tools.LINKER_FLAGS, "-run", "^$", "-bench=.", "-benchmem")


def run(go_path: Path, *arguments: str, **options: Any) -> tuple[int, Any]:
    """Build the benchmarks, with generated code in `go_path`, and run them.

    Args:
        go_path: a folder.
        *arguments: for `go test`; they overrule those in `COMMAND`.
        **options: of `go_tools.run`.

    Returns:
        The exit code of `go test`, and its stdout if that is a pipe.
    """
    go_tools.generate(go_path)
    environment = go_tools.environment(go_path) | {"PYTHON": sys.executable}
    return go_tools.run([*COMMAND, *arguments], cwd=go_tools.GO_SOURCES, env=environment, **options)


def main() -> int | str:
    """The command line; returns the exit code, or why nothing could be run."""
    if {"-h", "--help"} & set(sys.argv[1:]):  # before anything is installed for it
        print(__doc__)
        return 0
    if missing := go_tools.install_missing():
        return missing
    exit_code, _ = run(GO_PATH, *sys.argv[1:])
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
