"""A listening socket that is shared with other processes, over either event loop."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from servehttp.front import accepting
from servehttp.front.accepting import Acceptor, OpenConnections
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    if request.param:
        pytest.importorskip("uvloop")
    return "asyncio", {"use_uvloop": request.param}


class Turns:
    """Turns that a test gives; keeps what it is told."""

    def __init__(self) -> None:
        self.mine = True
        self.present = False
        self.told: list[str] = []
        self.counts: list[int] = []

    def count(self, connections: int) -> None:
        if self.counts[-1:] != [connections]:
            self.counts.append(connections)

    def be_present(self) -> None:
        self.present = True
        self.told.append("present")

    def leave(self) -> None:
        self.present = False
        self.told.append("absent")

    def is_mine(self) -> bool:
        self.told.append("asked")
        return self.mine


class Greeting(asyncio.Protocol):
    """Says whether small writes are sent at once, and stays until its client goes."""

    def __init__(self, connections: OpenConnections) -> None:
        self._connections = connections

    def connection_made(self, transport: Any) -> None:
        self._connections.add(self)
        connection = transport.get_extra_info("socket")
        transport.write(b"1" if connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) else b"0")

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)


class ShortOfFiles(socket.socket):
    """A listening socket whose process can open no more files, twice."""

    lacks = 2

    def accept(self) -> tuple[socket.socket, Any]:
        if self.lacks:
            self.lacks -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@asynccontextmanager
async def sharing(turns: Turns, listener: socket.socket | None = None) -> AsyncIterator[tuple[Acceptor, Any]]:
    listener = listener or socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    connections = OpenConnections()
    acceptor = Acceptor(listener, turns, connections, lambda: Greeting(connections))
    with listener:
        try:
            async with asyncio.timeout(PATIENCE):
                yield acceptor, listener.getsockname()
        finally:
            acceptor.close()
            await acceptor.wait_closed()


async def until(turns: Turns, counts: list[int]) -> None:
    while turns.counts != counts:
        await asyncio.sleep(0)


async def test_connections_are_served_without_delay_and_counted_until_they_are_gone() -> None:
    turns = Turns()
    async with sharing(turns) as (_, address):
        reader, first = await asyncio.open_connection(*address)
        assert await reader.readexactly(1) == b"1"
        _, second = await asyncio.open_connection(*address)
        await until(turns, [0, 1, 2])
        first.close()
        await until(turns, [0, 1, 2, 1])
        second.transport.abort()
        await until(turns, [0, 1, 2, 1, 0])


async def test_a_connection_waits_for_the_turn() -> None:
    turns = Turns()
    turns.mine = False
    async with sharing(turns) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        while turns.told.count("asked") < 3:
            await asyncio.sleep(0)
        assert turns.counts == [0]
        turns.mine = True
        assert await reader.readexactly(1) == b"1"
        writer.close()


async def test_nobody_waits_for_one_that_can_open_no_more_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "LACK_DELAY", 0.01)
    monkeypatch.setattr(accepting, "PRESENCE_INTERVAL", 3600)
    turns = Turns()
    async with sharing(turns, ShortOfFiles(proto=socket.IPPROTO_TCP)) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        assert await reader.readexactly(1) == b"1"
        assert turns.told == ["present", *["asked", "absent", "present"] * 2, "asked"]
        writer.close()


async def test_after_the_close_none_is_taken_and_those_taken_stay_open() -> None:
    turns = Turns()
    async with sharing(turns) as (acceptor, address):
        reader, writer = await asyncio.open_connection(*address)
        assert await reader.readexactly(1) == b"1"
        acceptor.close()
        acceptor.close()
        asked = len(turns.told)
        _, late = await asyncio.open_connection(*address)
        writer.close()
        await until(turns, [0, 1, 0])
        assert not turns.present
        assert turns.told[asked:] == []
        late.close()
