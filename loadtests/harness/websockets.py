"""WebSockets that echo: the experiments, and the client that they are measured with.

The client is a process of its own and as little as can be: the same masked frame again and again over sockets that one
`epoll` watches, with what comes back compared with what has to. So it costs a few microseconds a message, the same on
each side.

Usage: python -m harness.websockets PORT PATH CONNECTIONS SECONDS
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import MeasurementError
from harness.sides import Side
from harness.statistics import percentile
from harness.usage import cpu_seconds

TEXT = b"A text of 64 bytes, which is about what a message of a chat has."
MASK = b"\x37\xfa\x21\x3d"
QUESTION = bytes((0x81, 0x80 | len(TEXT))) + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(TEXT))
ANSWER = bytes((0x81, len(TEXT))) + TEXT
TIMEOUT = 10.0
GRACE = 30.0
"""Seconds."""


def run_echo(side: Side, connections: int, seconds: int) -> Mapping[str, float]:
    """Send a message over each connection, and the next when it has come back.

    Returns:
        messages a second, the median and the 99th percentile of round trips in microseconds, CPU of all server processes
        in microseconds a message, and what of a core the client took.

    Raises:
        MeasurementError: something else came back.
    """
    before = cpu_seconds(side.pids)
    command = [sys.executable, "-m", "harness.websockets", str(side.port), side.path("/ws")]
    command += [str(connections), str(seconds)]
    try:
        done = subprocess.run(
            command,
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            timeout=seconds + GRACE,
            check=True,
        )
        answer: dict[str, float] = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        raise MeasurementError(f"{side.name}: the client of WebSockets failed: {error}") from error
    used = cpu_seconds(side.pids) - before
    return {**answer, "cpu": used / (answer["rate"] * answer["seconds"]) * 1e6}


def opened(port: int, path: str) -> socket.socket:
    """A WebSocket after its handshake."""
    client = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(65536)
        if not piece:
            raise MeasurementError(f"{path} was not answered: {head!r}")
        head += piece
    if not head.startswith(b"HTTP/1.1 101") or not head.endswith(b"\r\n\r\n"):
        raise MeasurementError(f"{path} was answered with {head[:200]!r}")
    return client


def measure(port: int, path: str, connections: int, seconds: float) -> dict[str, float]:
    """One run of the client, in this process."""
    clients = [opened(port, path) for _ in range(connections)]
    by_number = {client.fileno(): client for client in clients}
    poll = select.epoll()
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    clock = time.perf_counter
    cpu, start = time.process_time(), clock()
    end = start + seconds
    sent = {}
    for number, client in by_number.items():
        sent[number] = clock()
        client.sendall(QUESTION)
    trips = []
    now = start
    while now < end:
        for number, _ in poll.poll(TIMEOUT):
            client = by_number[number]
            received = client.recv(65536)
            if received != ANSWER:
                received = _rest(client, received)
            now = clock()
            trips.append(now - sent[number])
            sent[number] = now
            client.send(QUESTION)
    taken = now - start
    used = time.process_time() - cpu
    for client in clients:
        client.close()
    return {
        "rate": len(trips) / taken,
        "p50": percentile(trips, 50) * 1e6,
        "p99": percentile(trips, 99) * 1e6,
        "client": used / taken,
        "seconds": taken,
    }


def _rest(client: socket.socket, received: bytes) -> bytes:
    while received and len(received) < len(ANSWER):
        received += client.recv(65536)
    if received != ANSWER:
        raise MeasurementError(f"a message came back as {received[:200]!r}")
    return received


def main(arguments: Sequence[str]) -> Any:
    port, path, connections, seconds = arguments
    return measure(int(port), path, int(connections), float(seconds))


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
