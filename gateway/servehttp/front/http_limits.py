"""What a request's head must keep to before the gateway looks at it; no input or output.

Rules beyond the parsers': sizes and counts as set (414, 431), HTTP/1.0 or 1.1 (505), exactly one valid `Host` (RFC 9112
§3.2; HTTP/1.0 may omit it), a target that is ours (§3.2), and body framing that nobody reads in two ways (§6.1, §6.3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from mattermost_plugin.exchange import Headers
from servehttp.front.responses import Refusal

LINGER_TIMEOUT: Final = 2.0
"""Seconds that a client has to read its answer once the gateway has nothing more to say."""
HEADER_OVERHEAD: Final = len(b": \r\n")
VERSIONS: Final = frozenset(("1.0", "1.1"))
ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
HOST: Final = re.compile(rb"(?:\[[0-9A-Za-z:.]+\]|[\w.~%!$&'()*+,;=-]*)(?::\d*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one connection may take; sizes in bytes, time-outs in seconds.

    Attributes:
        max_header_bytes: the whole head.
        header_timeout: for a whole head to arrive.
        body_timeout: between two pieces of a body that is wanted.
        keep_alive_timeout: between two requests.
        drain_idle_timeout: the same once the server is to end.
        linger_timeout: for what a client still sends after its answer; it is thrown away.
        max_connections: of the whole process; 0 for any number.
        body_min_rate: bytes a second of a body that is wanted, once `body_grace` is over; 0 for any.
        body_grace: what a body may take beside that.
    """

    max_header_bytes: int = 64 * 1024
    max_header_count: int = 128
    max_target_length: int = 8192
    header_timeout: float = 10
    body_timeout: float = 60
    keep_alive_timeout: float = 75
    drain_idle_timeout: float = 0.5
    linger_timeout: float = LINGER_TIMEOUT
    max_connections: int = 0
    body_min_rate: int = 0
    body_grace: float = 10

    def check_head(self, method: bytes, target: bytes, version: str, headers: Headers) -> Refusal | None:
        """Why a request must not go on, if it must not; header names are in lower case."""
        if len(target) > self.max_target_length:
            return self.refuse_target()
        if len(headers) > self.max_header_count:
            message = f"the request has more than {self.max_header_count} headers"
            return Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)
        if self.size(target, headers) > self.max_header_bytes:
            return self.refuse_size()
        return _check_rules(method, target, version, [name for name, _ in headers], [value for _, value in headers])

    def size(self, target: bytes, headers: Headers) -> int:
        """Bytes of a head, as they count against `max_header_bytes`."""
        size = len(target) + HEADER_OVERHEAD * len(headers)
        for name, value in headers:
            size += len(name) + len(value)
        return size

    def refuse_target(self) -> Refusal:
        """For a target that is too long, whether it has ended or not."""
        message = f"the request target is longer than {self.max_target_length} bytes"
        return Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, message)

    def refuse_size(self) -> Refusal:
        """For a head, or a trailer section, that is too large, whether it has ended or not."""
        message = f"the headers, or the trailers, are larger than {self.max_header_bytes} bytes"
        return Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)


def bad_request(message: str) -> Refusal:
    """400, and why."""
    return Refusal(HTTPStatus.BAD_REQUEST, message)


def origin_form(target: bytes) -> bytes:
    """The path and query of a target that was found good."""
    match = None if target.startswith(b"/") else ABSOLUTE.fullmatch(target)
    if match is None:
        return target
    rest: bytes = match[2]
    return rest if rest.startswith(b"/") else b"/" + rest


def has_body(headers: Headers) -> bool:
    """Whether a head announces a body that is not empty."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0") != b"")
        for name, value in headers
    )


def _check_rules(
    method: bytes, target: bytes, version: str, names: Sequence[bytes], values: Sequence[bytes]
) -> Refusal | None:
    if version not in VERSIONS:
        return Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    if method == b"CONNECT":
        return Refusal(HTTPStatus.NOT_IMPLEMENTED, "this is not a proxy")
    count = names.count(b"host")
    if count > 1 or (count == 0 and version != "1.0"):
        return bad_request("the request must have exactly one Host header")
    host = values[names.index(b"host")] if count else None
    if host is not None and not HOST.fullmatch(host):
        return bad_request("the Host header is invalid")
    if not target.startswith(b"/") or b"#" in target:
        refusal = _check_odd_target(method, target, host)
        if refusal is not None:
            return refusal
    return _check_coding(version, names, values) if b"transfer-encoding" in names else None


def _check_odd_target(method: bytes, target: bytes, host: bytes | None) -> Refusal | None:
    if target == b"*" and method == b"OPTIONS":
        return None
    match = ABSOLUTE.fullmatch(target)
    if match is None:
        return bad_request("the request target is invalid")
    if host is not None and match[1].lower() != host.lower():
        return bad_request("the request target and the Host header name different hosts")
    return None


def _check_coding(version: str, names: Sequence[bytes], values: Sequence[bytes]) -> Refusal | None:
    if version == "1.0" or b"content-length" in names:
        return bad_request("the length of the request body is ambiguous")
    coding = values[names.index(b"transfer-encoding")]
    if names.count(b"transfer-encoding") > 1 or coding.lower() != b"chunked":
        return Refusal(HTTPStatus.NOT_IMPLEMENTED, "the only transfer coding understood is chunked")
    return None
