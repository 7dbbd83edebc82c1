"""gRPC's statuses as numbers, their texts, and what HTTP's statuses and reset codes stand for."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote

from mattermost_plugin.http2 import frames

OK: Final = 0
CANCELLED: Final = 1
UNKNOWN: Final = 2
INVALID_ARGUMENT: Final = 3
DEADLINE_EXCEEDED: Final = 4
NOT_FOUND: Final = 5
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
FAILED_PRECONDITION: Final = 9
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
UNAUTHENTICATED: Final = 16

NAMES: Final = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""What they are called, in their order."""

OF_HTTP: Final = {
    400: INTERNAL,
    401: UNAUTHENTICATED,
    403: PERMISSION_DENIED,
    404: UNIMPLEMENTED,
    429: UNAVAILABLE,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
}
"""What the status of a response that is not gRPC's means."""

OF_RESET: Final = {
    frames.REFUSED_STREAM: UNAVAILABLE,
    frames.CANCEL: CANCELLED,
    frames.ENHANCE_YOUR_CALM: RESOURCE_EXHAUSTED,
    frames.INADEQUATE_SECURITY: PERMISSION_DENIED,
}
"""What the code of a reset means; any other is INTERNAL."""

MAX_TEXT: Final = 1024
"""Characters of a status' text that are sent: with any encoding they fit into one frame."""
MAX_DIGITS: Final = 2
_UNQUOTED: Final = "!#$&'()*+,/:;=?@[]~"


def name_of(status: int) -> str:
    """What a status is called; one that has no name is its number."""
    return NAMES[status] if 0 <= status < len(NAMES) else str(status)


def of_http(status: int) -> int:
    """What the HTTP status of a response that is not gRPC's means."""
    return OF_HTTP.get(status, UNKNOWN)


def of_reset(code: int) -> int:
    """What the code of a reset means."""
    return OF_RESET.get(code, INTERNAL)


def number_of(value: bytes) -> int:
    """A status as trailers have it."""
    return int(value) if value.isdigit() and len(value) <= MAX_DIGITS else UNKNOWN


def encoded_text(text: str) -> str:
    """A status' text for trailers."""
    text = text[:MAX_TEXT]
    spaces = "" if text != text.strip(" ") else " "  # which a field may not begin or end with: RFC 9113 §8.2.1
    return quote(text, safe=_UNQUOTED + spaces)


def decoded_text(value: bytes) -> str:
    """A status' text from trailers."""
    return unquote(value.decode("latin-1")) if value else ""
