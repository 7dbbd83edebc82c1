"""The plugin tests/integration/plugins/several, whose processes tell what each of them did, and load on it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.client import Broken, connect, fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE

SEVERAL = Path(__file__).parents[1] / "integration" / "plugins" / "several"
ID = "com.example.several"
BASE = f"/plugins/{ID}"
QUICK = {"SERVEHTTP_PLUGINS__RESTART_DELAY": "0.1", "SERVEHTTP_PLUGINS__STOP_TIMEOUT": "2"}


@dataclass(frozen=True)
class Note:
    """What one process did."""

    pid: int
    replica: int
    what: str


class Notes:
    """What the processes have written down."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.touch()

    def all(self) -> list[Note]:
        lines = [line.split(" ", 2) for line in self.file.read_text().splitlines()]
        return [Note(int(pid), int(replica), what) for pid, replica, what in lines]

    def of(self, what: str) -> list[Note]:
        return [note for note in self.all() if note.what == what]

    async def until(self, what: str, count: int) -> list[Note]:
        """Waits until so many have done it."""
        async with asyncio.timeout(PATIENCE):
            while len(found := self.of(what)) < count:
                await asyncio.sleep(0.01)
        return found


@asynccontextmanager
async def several(
    folder: Path, *options: str, environment: dict[str, str] | None = None
) -> AsyncIterator[tuple[Gateway, Notes]]:
    """A gateway with the plugin, and the plugin's notes."""
    notes = Notes(folder / "notes")
    own = {**QUICK, "SEVERAL_NOTES": str(notes.file), "SERVEHTTP_PLUGINS__ENV_ALLOW": "SEVERAL_NOTES"}
    async with running(SEVERAL, *options, environment={**own, **(environment or {})}) as gateway:
        yield gateway, notes


async def about(gateway: Gateway) -> dict[str, Any]:
    """What the gateway, or the worker that answers, says of the plugin."""
    [plugin] = (await fetch(gateway.port, "/readyz?verbose")).json()["plugins"]
    return dict(plugin)


async def pids(gateway: Gateway) -> list[int]:
    """The processes of the replicas, in order."""
    return [part["pid"] for part in (await about(gateway))["replicas"]]


async def all_running(gateway: Gateway, *but: int) -> list[int]:
    """Waits until every replica runs as another process than these; returns the processes."""
    async with asyncio.timeout(PATIENCE):
        while True:
            parts = (await about(gateway))["replicas"]
            if all(part["state"] == "running" and part["pid"] not in but for part in parts):
                gateway.below()
                return [part["pid"] for part in parts]
            await asyncio.sleep(0.02)


@dataclass
class Load:
    """Clients that ask again and again, each request with an id of its own."""

    port: int
    clients: int = 24
    answered: dict[str, int] = field(default_factory=dict)
    """By the request's id, which process has answered it."""
    failed: dict[str, str] = field(default_factory=dict)
    """By the request's id, how it ended."""
    over: bool = False
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @asynccontextmanager
    async def put(self) -> AsyncIterator[None]:
        """Ask meanwhile."""
        tasks = [asyncio.create_task(self._ask()) for _ in range(self.clients)]
        try:
            yield
        finally:
            self.over = True
            await asyncio.gather(*tasks)

    async def more(self, requests: int) -> None:
        """Returns when so many more are answered."""
        wanted = len(self.answered) + requests
        async with asyncio.timeout(PATIENCE):
            while len(self.answered) < wanted:
                await asyncio.sleep(0.005)

    async def _ask(self) -> None:
        while not self.over:
            async with connect(self.port) as client:
                while not self.over:
                    id = f"r{next(self._numbers)}"
                    try:
                        answer = await client.request("GET", f"{BASE}/work?id={id}")
                    except (Broken, OSError) as error:
                        self.failed[id] = repr(error)
                        break
                    if answer.status == 200:
                        self.answered[id] = answer.json()
                    else:
                        self.failed[id] = str(answer.status)
