"""Clients that wait."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from harness.errors import MeasurementError

TIMEOUT = 30.0
"""Seconds."""


@contextmanager
def hold_clients(port: int, path: str, count: int) -> Iterator[None]:
    """So many clients of a stream of server-sent events, each after its first event, for the time of the block.

    Raises:
        MeasurementError: a client got no event.
    """
    with ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".encode())
            _read_event(client, path)
        yield


def _read_event(client: socket.socket, path: str) -> None:
    text = b""
    while b"data: " not in text:
        piece = client.recv(65536)
        if not piece:
            raise MeasurementError(f"{path} ended before its first event: {text!r}")
        text += piece
