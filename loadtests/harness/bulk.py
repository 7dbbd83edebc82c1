"""Large bodies over a plain socket, so that the client costs as little as it can.

As a program it moves bodies again and again until it is ended, and prints a line once the first one moves.

Usage: python -m harness.bulk {download|upload} PORT PATH BYTES
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import MeasurementError

PIECE = 256 * 1024
TIMEOUT = 60.0
"""Seconds without progress."""


def download(port: int, path: str, size: int, began: Callable[[], None] = lambda: None) -> float:
    """Read `size` bytes from `path?n=size`; returns the seconds from the request to the last byte.

    Raises:
        MeasurementError: the answer is not 200, or ends early.
    """
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        start = time.perf_counter()
        connection.sendall(f"GET {path}?n={size} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        left = size - len(_read_head(connection, path))
        began()
        buffer = memoryview(bytearray(PIECE))
        while left > 0:
            count = connection.recv_into(buffer)
            if not count:
                raise MeasurementError(f"the download of {path} ended {left} bytes early")
            left -= count
        return time.perf_counter() - start


def upload(port: int, path: str, size: int, began: Callable[[], None] = lambda: None) -> float:
    """Send `size` bytes to `path`; returns the seconds from the request to the answer.

    Raises:
        MeasurementError: the answer is not 200, or counts other bytes.
    """
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        start = time.perf_counter()
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n\r\n".encode())
        piece = memoryview(bytes(PIECE))
        for sent in range(0, size, PIECE):
            connection.sendall(piece[: size - sent])
            if not sent:
                began()
        answer = _read_head(connection, path) or connection.recv(PIECE)
        if answer != b'{"bytes":%d}' % size:
            raise MeasurementError(f"the upload to {path} was answered with {answer!r}")
        return time.perf_counter() - start


def _read_head(connection: socket.socket, path: str) -> bytes:
    """Read to the end of the response's head; returns what was read of the body."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(PIECE)
        if not piece:
            raise MeasurementError(f"{path} was not answered: {head!r}")
        head += piece
    if not head.startswith(b"HTTP/1.1 200"):
        raise MeasurementError(f"{path} was answered with {head[:200]!r}")
    return head.partition(b"\r\n\r\n")[2]


@contextmanager
def repeated(direction: str, port: int, path: str, size: int) -> Iterator[None]:
    """Bodies in one direction, one after the other in a process of their own, for the time of the block.

    Raises:
        MeasurementError: one failed.
    """
    command = [sys.executable, "-m", "harness.bulk", direction, str(port), path, str(size)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            raise MeasurementError(f"no {direction} of {path} began")
        yield
        if process.poll() is not None:
            raise MeasurementError(f"the {direction} of {path} failed while others were measured")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main() -> None:
    direction, port, path, size = sys.argv[1:]
    move = {"download": download, "upload": upload}[direction]
    move(int(port), path, int(size), lambda: print("began", flush=True))
    while True:
        move(int(port), path, int(size))


if __name__ == "__main__":
    main()
