"""What is counted of a request, and the one line of the access log that it becomes."""

from __future__ import annotations

import time

import structlog

logger = structlog.get_logger("servehttp.access")


class Record:
    """One request, from its head to its last byte.

    Args:
        method: the request's.
        path: the raw path, without the query.

    Attributes:
        bytes_in: what of the body, or of WebSocket messages, went to the plugin.
        bytes_out: what came back.
        first_byte: when the response began, by `time.perf_counter`.
        problem: why it did not end as it should have, if it did not.
    """

    def __init__(self, method: str, path: bytes) -> None:
        self.method = method
        self.path = path
        self.plugin_id = ""
        self.request_id = b""
        self.client = ""
        self.status = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.started = time.perf_counter()
        self.first_byte: float | None = None
        self.problem: str | None = None

    def begin_response(self, status: int) -> None:
        self.status = status
        self.first_byte = time.perf_counter()

    def log(self) -> None:
        """Write the line; times are milliseconds."""
        now = time.perf_counter()
        first = self.first_byte or now
        fields: dict[str, object] = {
            "status": int(self.status),
            "plugin": self.plugin_id,
            "client": self.client,
            "first_byte_ms": round((first - self.started) * 1000, 2),
            "duration_ms": round((now - self.started) * 1000, 2),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "request_id": self.request_id.decode(),
        }
        if self.problem:
            fields["problem"] = self.problem
        logger.info(f"{self.method} {self.path.decode('latin-1')}", **fields)
