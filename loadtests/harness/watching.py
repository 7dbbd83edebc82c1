"""A server's processes watched while a load runs: CPU time from beginning to end, and the most memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.usage import Usage, usages

INTERVAL = 0.25
"""Seconds between two looks at the memory."""


@dataclass(slots=True)
class Watched:
    """By the name of a process: seconds of CPU, and bytes at most. Complete once the block is left."""

    cpu: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)

    def see(self, found: dict[int, Usage]) -> None:
        """Keep the most memory of every name; processes of one name count together."""
        together: dict[str, int] = {}
        for usage in found.values():
            together[usage.name] = together.get(usage.name, 0) + usage.memory
        for name, memory in together.items():
            self.memory[name] = max(memory, self.memory.get(name, 0))

    def spend(self, before: dict[int, Usage], after: dict[int, Usage]) -> None:
        """Add up what each process used between two looks."""
        for pid, usage in after.items():
            used = usage.cpu - (before[pid].cpu if pid in before else 0.0)
            self.cpu[usage.name] = self.cpu.get(usage.name, 0.0) + used


@contextmanager
def watching(pids: list[int]) -> Iterator[Watched]:
    """Watch these processes and everything below them for the time of the block."""
    watched, over = Watched(), threading.Event()
    before = usages(pids)

    def look() -> None:
        while not over.wait(INTERVAL):
            watched.see(usages(pids))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watched
    finally:
        over.set()
        thread.join()
    after = usages(pids)
    watched.see(after)
    watched.spend(before, after)
