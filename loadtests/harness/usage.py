"""What processes use, read from /proc: CPU time and memory of a server with all that it started."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

OWN, KERNEL = ": own code", ": kernel"
"""What follows a process's name in a quantity."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One process at one moment. CPU is user and system time in seconds; memory is the proportional set size in bytes,
    in which a page that n processes share counts 1/n."""

    name: str
    cpu: float
    memory: int


def family(pid: int) -> list[psutil.Process]:
    """A process and everything below it."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of these processes and everything below them."""
    return sum(_cpu(process) for pid in pids for process in family(pid))


def cpu_by_process(pids: list[int]) -> dict[str, float]:
    """Seconds of these processes and everything below them, by the process's name and whose code it ran, its own or the
    kernel's on its behalf. Processes of one name count together."""
    spent: dict[str, float] = {}
    for process in (process for pid in pids for process in family(pid)):
        times, name = process.cpu_times(), _name(process)
        for quantity, seconds in ((name + OWN, times.user), (name + KERNEL, times.system)):
            spent[quantity] = spent.get(quantity, 0.0) + seconds
    return spent


def extension_modules(pids: list[int], part: str) -> list[str]:
    """The compiled modules that these processes and everything below them have loaded whose path has a part."""
    maps = (found.path for pid in pids for process in family(pid) for found in process.memory_maps())
    return [path for path in maps if path.endswith(".so") and part in path]


def memory_bytes(pids: list[int]) -> int:
    """Memory of these processes and everything below them."""
    return sum(process.memory_full_info().pss for pid in pids for process in family(pid))


def usages(pids: list[int]) -> dict[int, Usage]:
    """Each process, by its id."""
    return {
        process.pid: Usage(_name(process), _cpu(process), process.memory_full_info().pss)
        for pid in pids
        for process in family(pid)
    }


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _name(process: psutil.Process) -> str:
    """What people call it, out of its command line."""
    words = " ".join(process.cmdline())
    for part, name in NAMES.items():
        if part in words:
            return name
    return process.name()


NAMES = {
    "bin/granian": "granian",
    "nginx: master": "nginx master",
    "nginx: worker": "nginx worker",
    "-m uvicorn": "uvicorn",
    "-m servehttp": "gateway",
    "reaper_process.py": "reaper",
    "plugin.py": "plugin",
}
