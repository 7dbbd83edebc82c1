"""Clients that go away in the middle."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from locust import FastHttpUser, task

from users.http import BENCH
from users.reporting import paused, timed

SIZE = 64 * 2**20
READ = 256 * 1024
TIMEOUT = 30.0
"""Seconds."""


class AbortingUser(FastHttpUser):
    """Begins a large body in either direction, and closes the connection. The entries time how long the server took
    the client's part; no answer to the rest is expected."""

    wait_time = paused

    @task
    def abort_download(self) -> None:
        with timed(self, "GET", "/bytes (aborted)"), self._connect() as connection:
            connection.sendall(self._head("GET", f"{BENCH}/bytes?n={SIZE}"))
            read = 0
            while read < READ:
                piece = connection.recv(READ)
                if not piece or (not read and not piece.startswith(b"HTTP/1.1 200")):
                    raise ConnectionError(f"answered with {piece[:100]!r}")
                read += len(piece)

    @task
    def abort_upload(self) -> None:
        with timed(self, "POST", "/upload (aborted)"), self._connect() as connection:
            connection.sendall(self._head("POST", f"{BENCH}/upload", f"Content-Length: {SIZE}\r\n"))
            connection.sendall(bytes(READ))

    def _address(self) -> tuple[str, int]:
        parts = urlsplit(str(self.environment.host or self.host))
        return parts.hostname or "127.0.0.1", parts.port or 80

    def _connect(self) -> socket.socket:
        return socket.create_connection(self._address(), TIMEOUT)

    def _head(self, method: str, target: str, fields: str = "") -> bytes:
        host, port = self._address()
        return f"{method} {target} HTTP/1.1\r\nHost: {host}:{port}\r\n{fields}\r\n".encode()
