"""What can be wrong on a connection, and whose fault it is."""

from __future__ import annotations

from mattermost_plugin.http2.statuses import INTERNAL


class HTTP2Error(Exception):
    """Root of this package's errors."""


class Violation(HTTP2Error):
    """The peer broke the protocol in a way that ends the connection.

    Args:
        code: of RFC 9113 §7.
        text: what was wrong, for logs.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class StreamViolation(HTTP2Error):
    """The peer broke the protocol on one stream, which alone is reset.

    Args:
        code: of RFC 9113 §7.
        text: what was wrong, for logs.
        status: what becomes of the call, as one of gRPC's numbers.
    """

    def __init__(self, code: int, text: str, status: int = INTERNAL) -> None:
        super().__init__(text)
        self.code = code
        self.status = status


class CannotCall(HTTP2Error):
    """No call can be begun on this connection now, and nothing of it was sent."""
