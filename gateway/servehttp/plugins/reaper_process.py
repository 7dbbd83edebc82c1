"""The program that outlives a killed gateway, for a second or two, to end its plugins; run by its path.

Standard input brings one line for each change: `+group 123`, `-group 123`, `+folder /path`, `-folder /path`. At the end
of the input every group that is left gets SIGTERM and, after the grace given as argument, SIGKILL; every folder that is
left is removed, and what runs with it in its environment is killed before. Only the end of the input ends it: signals
that are meant for the gateway reach it as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Set

POLL_INTERVAL = 0.02
"""Seconds between two looks at whether a group is gone."""
LOOKS = 50
"""How often one looks at all processes for strays at most: what is killed may just have started another."""
BIRTH = 0.01
"""Seconds in which a process that is just starting a program gets its environment."""
ENVIRONMENT = slice(47, 49)
"""Of what follows the name in /proc/PID/stat: where the environment begins and ends in memory."""
FOLDER_VARIABLE = "PLUGIN_UNIX_SOCKET_DIR"
"""Each process of a plugin has its own folder in its environment, by this name, and so has what it starts."""
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


def end_strays(folders: Collection[str]) -> None:
    """Kill what has left its plugin's group and session, and is known by the socket folder in its environment.

    Only where there is a /proc; and not what has started without that environment, or written over it.
    """
    marks = {os.fsencode(f"{FOLDER_VARIABLE}={folder}") for folder in folders}
    for _ in range(LOOKS):
        looks = [_kill_if_marked(pid, marks) for pid in _processes()]
        if not any(looks):
            return
        time.sleep(BIRTH)


def _processes() -> Iterator[int]:
    try:
        return (int(name) for name in os.listdir("/proc") if name.isdigit())
    except FileNotFoundError:
        return iter(())


def _kill_if_marked(pid: int, marks: Set[bytes]) -> bool:
    """Whether one has to look again: it was killed, or cannot be told yet."""
    try:
        process = os.pidfd_open(pid)  # the number may be another's by the time that it is killed
    except OSError:
        return False
    try:
        environment = _read(pid, "environ")
        if marks.isdisjoint(environment.split(b"\0")):
            return not environment and _is_starting(pid)
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(process)
    return True


def _is_starting(pid: int) -> bool:
    """Whether a process without an environment is to get one: it has none, and it is not known to be an empty one.

    Threads of the kernel, and processes that have ended, have no memory to have one in.
    """
    if _read(pid, "statm").startswith(b"0 "):
        return False
    match _read(pid, "stat").rpartition(b")")[2].split()[ENVIRONMENT]:
        case [begin, end]:
            return begin == b"0" or begin != end
    return False  # it has ended meanwhile


def _read(pid: int, name: str) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


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
    end_strays(folders)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
