"""The program that outlives a killed gateway, for a second or two, to end its plugins; run by its path.

Standard input brings one line for each change: `+group 123`, `-group 123`, `+folder /path`, `-folder /path`. At the end
of the input every group that is left gets SIGTERM and, after the grace given as argument, SIGKILL; every folder that is
left is removed. Only the end of the input ends it: signals that are meant for the gateway reach it as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable

POLL_INTERVAL = 0.02
"""Seconds between two looks at whether a group is gone."""
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def read_until_end(lines: Iterable[bytes]) -> tuple[set[int], set[str]]:
    """The groups and folders that are left when the input ends."""
    groups: set[int] = set()
    folders: set[str] = set()
    for line in lines:
        kind, _, name = os.fsdecode(line.rstrip(b"\n")).partition(" ")
        match kind:
            case "+group":
                groups.add(int(name))
            case "-group":
                groups.discard(int(name))
            case "+folder":
                folders.add(name)
            case "-folder":
                folders.discard(name)
    return groups, folders


def end_groups(groups: set[int], grace: float) -> None:
    """Ask, wait, compel."""
    left = {group for group in groups if _signal(group, signal.SIGTERM)}
    until = time.monotonic() + grace
    while left and time.monotonic() < until:
        time.sleep(POLL_INTERVAL)
        left = {group for group in left if _signal(group, 0)}
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


def main() -> None:
    """Wait for the gateway's end, then clean up after it."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    groups, folders = read_until_end(sys.stdin.buffer)
    end_groups(groups, float(sys.argv[1]))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
