"""Clients of WebSockets that send a message, and the next one when it has come back.

As little as can be, so that it is the server that is measured: the same masked frame again and again, over sockets that
one `epoll` watches, and what comes back has to be the same bytes.

As a program it prints what it measured as JSON.

Usage: python -m harness.echo PORT PATH CLIENTS SECONDS
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.errors import MeasurementError
from harness.statistics import percentile

TEXT = b"A text of 64 bytes, which is about what a message of a chat has."
MASK = b"\x37\xfa\x21\x3d"
FINAL_TEXT, PING, PONG, MASKED = 0x81, 0x89, 0x8A, 0x80
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PIECE = 65536
TIMEOUT = 30.0
GRACE = 30.0
"""Seconds: for an answer, and that the program may take longer than it was told to."""


def frame(first: int, data: bytes) -> bytes:
    """A client's frame of at most 125 bytes."""
    masked = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(data))
    return bytes((first, MASKED | len(data))) + MASK + masked


QUESTION = frame(FINAL_TEXT, TEXT)
ANSWER = bytes((FINAL_TEXT, len(TEXT))) + TEXT


@dataclass(frozen=True, slots=True)
class Echoed:
    """Messages of all clients that came back in so many seconds, their round trips in microseconds, and what of a core
    the clients took."""

    messages: int
    seconds: float
    p50: float
    p99: float
    client: float


class Client:
    """One WebSocket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._begun = b""

    def ask(self) -> None:
        """Send the message."""
        self.connection.sendall(QUESTION)

    def answered(self) -> bool:
        """Whether it has come back, with what is here now.

        Raises:
            MeasurementError: something else came.
        """
        received = self._begun + self.connection.recv(PIECE)
        if received == ANSWER:  # as nearly always
            self._begun = b""
            return True
        if received == self._begun:
            raise MeasurementError("a WebSocket ended")
        return self._read(received)

    def _read(self, received: bytes) -> bool:
        while len(received) > 1 and received[0] == PING and len(received) >= 2 + received[1]:
            size = 2 + received[1]
            self.connection.sendall(frame(PONG, received[2:size]))
            received = received[size:]
        answered = received.startswith(ANSWER)
        self._begun = received.removeprefix(ANSWER) if answered else received
        if not answered and not ANSWER.startswith(received) and received[:1] != bytes((PING,)):
            raise MeasurementError(f"a message came back as {received[:200]!r}")
        return answered


def measure(clients: Sequence[Client], seconds: float) -> Echoed:
    """Send and receive for so long.

    Raises:
        MeasurementError: something else came back, or nothing.
    """
    trips: list[float] = []
    by_number = {client.connection.fileno(): client for client in clients}
    clock = time.perf_counter
    with select.epoll() as poll:
        for number in by_number:
            poll.register(number, select.EPOLLIN)
        used, start = time.process_time(), clock()
        sent = dict.fromkeys(by_number, start)
        for client in clients:
            client.ask()
        now = start
        while now < start + seconds:
            ready = poll.poll(TIMEOUT)
            if not ready:
                raise MeasurementError("no message came back")
            for number, _ in ready:
                client = by_number[number]
                if client.answered():
                    now = clock()
                    trips.append(now - sent[number])
                    sent[number] = now
                    client.ask()
        used = time.process_time() - used
    taken = now - start
    return Echoed(len(trips), taken, percentile(trips, 50) * 1e6, percentile(trips, 99) * 1e6, used / taken)


@contextmanager
def opened(port: int, path: str, count: int) -> Iterator[list[Client]]:
    """So many WebSockets, for the time of the block.

    Raises:
        MeasurementError: a handshake was refused.
    """
    with ExitStack() as stack:
        clients = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(HANDSHAKE.format(path=path, port=port).encode())
            _read_head(connection, path)
            clients.append(Client(connection))
        yield clients


def _read_head(connection: socket.socket, path: str) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(PIECE)
        if not piece:
            raise MeasurementError(f"the handshake for {path} was not answered: {head!r}")
        head += piece
    if not head.startswith(b"HTTP/1.1 101"):
        raise MeasurementError(f"the handshake for {path} was answered with {head[:200]!r}")


def echoed(port: int, path: str, clients: int, seconds: int) -> Echoed:
    """The same in a process of its own.

    Raises:
        MeasurementError: as above.
    """
    command = [sys.executable, "-m", "harness.echo", str(port), path, str(clients), str(seconds)]
    folder = Path(__file__).parents[1]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds + GRACE, check=True)
        return Echoed(**json.loads(done.stdout))
    except subprocess.CalledProcessError as error:
        raise MeasurementError(f"the clients of WebSockets failed: {error.stderr.splitlines()[-1:]}") from error
    except (subprocess.SubprocessError, ValueError) as error:
        raise MeasurementError(f"the clients of WebSockets failed: {error}") from error


def main() -> None:
    port, path, clients, seconds = sys.argv[1:]
    with opened(int(port), path, int(clients)) as open_clients:
        print(json.dumps(asdict(measure(open_clients, float(seconds)))))


if __name__ == "__main__":
    main()
