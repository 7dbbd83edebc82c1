"""Many clients of server-sent events that hold the time at which they were made: how many come, and how late.

As a program it connects them, prints a line, reads from stdin for how many seconds it should count, and prints what it
counted as JSON.

Usage: python -m harness.events PORT PATH CLIENTS
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.errors import MeasurementError
from harness.statistics import percentile

EVENT = re.compile(rb"data: (\d+)\n\n")
PIECE = 65536
TIMEOUT = 30.0
GRACE = 30.0
"""Seconds: for a connection's first event, and that the program may take longer than it was told to."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Events of all clients in so many seconds, and how many microseconds after they were made they came."""

    events: int
    seconds: float
    p50: float
    p99: float


@dataclass(slots=True)
class Client:
    """One connection, and the beginning of an event whose end has not come."""

    connection: socket.socket
    begun: bytes = field(default=b"")

    def read(self) -> Iterator[int]:
        """The times in the events that are here.

        Raises:
            MeasurementError: the stream ended.
        """
        piece = self.connection.recv(PIECE)
        if not piece:
            raise MeasurementError("a stream of events ended")
        text = self.begun + piece
        end = 0
        for match in EVENT.finditer(text):
            end = match.end()
            yield int(match[1])
        self.begun = text[end:]


def count(clients: Sequence[Client], seconds: float) -> Counted:
    """Count for so long.

    Raises:
        MeasurementError: a stream ended, or nothing came.
    """
    lags: list[int] = []
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.connection, selectors.EVENT_READ, client)
        start = now = time.monotonic_ns()
        end = start + int(seconds * 1e9)
        while now < end:
            for key, _ in selector.select((end - now) / 1e9):
                lags.extend(time.monotonic_ns() - made for made in key.data.read() if made >= start)
            now = time.monotonic_ns()
    if not lags:
        raise MeasurementError("no event came")
    return Counted(len(lags), (now - start) / 1e9, percentile(lags, 50) / 1e3, percentile(lags, 99) / 1e3)


def connect(port: int, path: str) -> Client:
    """A client after its first event.

    Raises:
        MeasurementError: it is not answered with events.
    """
    connection = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".encode())
    client = Client(connection)
    while not list(client.read()):
        if not client.begun.startswith(b"HTTP/1.1 200 "[: len(client.begun)]):
            raise MeasurementError(f"{path} was answered with {client.begun[:200]!r}")
    return client


@contextmanager
def listening(port: int, path: str, clients: int) -> Iterator[subprocess.Popen[str]]:
    """The program with its clients connected, for the time of the block.

    Raises:
        MeasurementError: they cannot be connected.
    """
    command = [sys.executable, "-m", "harness.events", str(port), path, str(clients)]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            if not process.stdout.readline():
                raise MeasurementError(f"{clients} clients of {path} cannot be connected")
            yield process
        finally:
            process.kill()


def counted(process: subprocess.Popen[str], seconds: int) -> Counted:
    """What the program counts in so many seconds.

    Raises:
        MeasurementError: it failed.
    """
    try:
        answer, _ = process.communicate(f"{seconds}\n", timeout=seconds + GRACE)
        return Counted(**json.loads(answer))
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise MeasurementError("the clients of server-sent events failed, as told above") from error


def main() -> None:
    port, path, number = sys.argv[1:]
    with ExitStack() as stack:
        clients = [connect(int(port), path) for _ in range(int(number))]
        for client in clients:
            stack.enter_context(client.connection)
        print("connected", flush=True)
        print(json.dumps(asdict(count(clients, float(sys.stdin.readline())))), flush=True)


if __name__ == "__main__":
    main()
