"""What the processes of plugins take of this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import psutil


class Usage(NamedTuple):
    """What a process and all below it take."""

    cpu: float
    """Seconds, those that run; what ended below them is counted by who waited for it."""
    memory: int
    """Resident bytes; what they share is counted for each."""
    started: float
    """When the first of them was, in seconds since 1970."""


def usages(pids: Mapping[str, Iterable[int]]) -> Mapping[str, Usage]:
    """What the processes of plugins take, by id, of those that have any; takes long where there are many."""
    return {plugin_id: used for plugin_id, leaders in pids.items() if (used := usage(leaders)) is not None}


def usage(pids: Iterable[int]) -> Usage | None:
    """What processes and all below them take together; None where none of them is there."""
    cpu, memory, started = 0.0, 0, 0.0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            leader = psutil.Process(pid)
            began = leader.create_time()
            for process in (leader, *leader.children(recursive=True)):
                with contextlib.suppress(psutil.Error), process.oneshot():
                    times = process.cpu_times()
                    cpu += times.user + times.system + times.children_user + times.children_system
                    memory += process.memory_info().rss
            started = min(started, began) if started else began
    return Usage(cpu, memory, started) if started else None
