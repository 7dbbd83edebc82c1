"""What the processes of plugins take of this machine."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import psutil

from servehttp.plugins.handle import PluginHandle


class Usage(NamedTuple):
    """What a process and all below it take."""

    cpu: float
    """Seconds, those that run; what ended below them is counted by who waited for it."""
    memory: int
    """Resident bytes; what they share is counted for each."""
    started: float
    """When the first of them was, in seconds since 1970."""


Children: TypeAlias = Mapping[int, Sequence[psutil.Process]]


def leaders(plugin: PluginHandle) -> list[int]:
    """The processes that lead those of a plugin."""
    described: list[dict[str, Any]] = [replica.describe() for replica in plugin.replicas]
    return [each["pid"] for each in described if each.get("pid") is not None]


def usages(pids: Mapping[str, Iterable[int]]) -> Mapping[str, Usage]:
    """What the processes of plugins take, by id, of those that have any.

    All processes of the machine are looked at, once, which takes long where there are many.
    """
    children = _children()
    return {plugin_id: used for plugin_id, leaders in pids.items() if (used := _usage(leaders, children)) is not None}


def _children() -> Children:
    """The processes of the machine, by the one that each is a child of."""
    found: dict[int, list[psutil.Process]] = defaultdict(list)
    for process in psutil.process_iter(["ppid"]):
        found[process.info["ppid"]].append(process)
    return found


def _usage(pids: Iterable[int], children: Children) -> Usage | None:
    cpu, memory, started = 0.0, 0, 0.0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            leader = psutil.Process(pid)
            began = leader.create_time()
            for process in _with_all_below(leader, began, children):
                with contextlib.suppress(psutil.Error), process.oneshot():
                    times = process.cpu_times()
                    cpu += times.user + times.system + times.children_user + times.children_system
                    memory += process.memory_info().rss
            started = min(started, began) if started else began
    return Usage(cpu, memory, started) if started else None


def _with_all_below(process: psutil.Process, began: float, children: Children) -> Iterator[psutil.Process]:
    """A process, its children, theirs, and so on. What is older than its parent is another's: the number came again."""
    yield process
    for child in children.get(process.pid, ()):
        with contextlib.suppress(psutil.Error):
            if child.create_time() >= began:
                yield from _with_all_below(child, child.create_time(), children)
