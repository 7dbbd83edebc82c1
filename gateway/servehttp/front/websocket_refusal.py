"""A response in the place of a WebSocket's acceptance, as bytes. The connection ends with it, however it is framed."""

from __future__ import annotations

from typing import Final

from mattermost_plugin.exchange import Headers
from servehttp.front.headers import BODILESS_STATUSES, field_lines, http_date, status_line

DEFAULT_TYPE: Final = (b"content-type", b"text/plain; charset=utf-8")
CHUNKED: Final = (b"transfer-encoding", b"chunked")
CLOSE: Final = (b"connection", b"close")


class RefusalWriter:
    """Writes one response.

    Args:
        status: of the response.
        headers: its headers. The length of its body is that which they declare, if they do.

    Attributes:
        head: what stands before the body.
        end: what stands behind it.
    """

    def __init__(self, status: int, headers: Headers) -> None:
        names = {name.lower() for name, _ in headers}
        self._chunked = b"content-length" not in names and status not in BODILESS_STATUSES
        fields = [(name, value) for name, value in headers if name.lower() != b"connection"]
        if b"content-type" not in names:
            fields.append(DEFAULT_TYPE)
        if b"date" not in names:
            fields.append((b"date", http_date()))
        if self._chunked:
            fields.append(CHUNKED)
        self.head = status_line(status) + field_lines([*fields, CLOSE]) + b"\r\n"
        self.end = b"0\r\n\r\n" if self._chunked else b""

    def piece(self, data: bytes) -> bytes:
        """A piece of the body."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked and data else data
