"""Tells whether two wheels hold the same files, apart from what was compiled and what tells of that.

Usage: python .ci/same_files.py WHEEL WHEEL

Exit codes: 0 they do; 1 they do not, and the files are named.
"""

from __future__ import annotations

import sys
from zipfile import ZipFile

OF_THE_BUILD = (".so", ".dist-info/RECORD", ".dist-info/WHEEL", ".cdx.json")
"""How names of files end that differ between builds."""


def main(first: str, second: str) -> int:
    """Compare; returns the exit code."""
    ours, theirs = files(first), files(second)
    differ = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    for name in differ:
        print(f"{name} is not the same in {first} and {second}")
    return 1 if differ else 0


def files(wheel: str) -> dict[str, int]:
    """The checksum of each file."""
    with ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist() if not entry.filename.endswith(OF_THE_BUILD)}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
