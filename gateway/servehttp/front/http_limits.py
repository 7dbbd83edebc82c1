"""What a request's head must keep to before the gateway looks at it; no input or output.

Rules beyond the parsers': sizes and counts as set (414, 431), HTTP/1.0 or 1.1 (505), exactly one valid `Host` (RFC 9112
§3.2; HTTP/1.0 may omit it), a target that is ours (§3.2), and body framing that nobody reads in two ways (§6.1, §6.3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from mattermost_plugin.exchange import Headers
from servehttp.front.responses import Refusal

HEADER_OVERHEAD = len(b": \r\n")
VERSIONS = frozenset(("1.0", "1.1"))
ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
HOST = re.compile(rb"(?:\[[0-9A-Za-z:.]+\]|[\w.~%!$&'()*+,;=-]*)(?::\d*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one connection may take; sizes in bytes, time-outs in seconds.

    Attributes:
        max_header_bytes: the whole head.
        header_timeout: for a whole head to arrive.
        body_timeout: between two pieces of a body that is wanted.
        keep_alive_timeout: between two requests.
        linger_timeout: for what a client still sends after its answer; it is thrown away.
    """

    max_header_bytes: int = 64 * 1024
    max_header_count: int = 128
    max_target_length: int = 8192
    header_timeout: float = 10
    body_timeout: float = 60
    keep_alive_timeout: float = 75
    linger_timeout: float = 2

    def check_head(self, method: bytes, target: bytes, version: str, headers: Headers) -> Refusal | None:
        """Why a request must not go on, if it must not; header names are in lower case."""
        if len(target) > self.max_target_length:
            return self.refuse_target()
        if len(headers) > self.max_header_count:
            message = f"the request has more than {self.max_header_count} headers"
            return Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)
        size = sum([len(name) + len(value) + HEADER_OVERHEAD for name, value in headers])
        if size + len(target) > self.max_header_bytes:
            return self.refuse_size()
        return _check_rules(method, target, version, headers)

    def refuse_target(self) -> Refusal:
        """For a target that is too long, whether it has ended or not."""
        message = f"the request target is longer than {self.max_target_length} bytes"
        return Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, message)

    def refuse_size(self) -> Refusal:
        """For a head, or a trailer section, that is too large, whether it has ended or not."""
        message = f"the request head is larger than {self.max_header_bytes} bytes"
        return Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)


def bad_request(message: str) -> Refusal:
    """400, and why."""
    return Refusal(HTTPStatus.BAD_REQUEST, message)


def origin_form(target: bytes) -> bytes:
    """The path and query of a target that was found good."""
    match = ABSOLUTE.fullmatch(target)
    if match is None:
        return target
    rest = match[2]
    return rest if rest.startswith(b"/") else b"/" + rest


def has_body(headers: Headers) -> bool:
    """Whether a head announces a body that is not empty."""
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)


def _check_rules(method: bytes, target: bytes, version: str, headers: Headers) -> Refusal | None:
    if version not in VERSIONS:
        return Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    if method == b"CONNECT":
        return Refusal(HTTPStatus.NOT_IMPLEMENTED, "this is not a proxy")
    hosts = [value for name, value in headers if name == b"host"]
    return _check_host(hosts, version) or _check_target(method, target, hosts) or _check_framing(version, headers)


def _check_host(hosts: Sequence[bytes], version: str) -> Refusal | None:
    if len(hosts) != 1:
        if not hosts and version == "1.0":
            return None
        return bad_request("the request must have exactly one Host header")
    if not HOST.fullmatch(hosts[0]):
        return bad_request("the Host header is invalid")
    return None


def _check_target(method: bytes, target: bytes, hosts: Sequence[bytes]) -> Refusal | None:
    if b"#" in target:
        return bad_request("a request target has no fragment")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return None
    match = ABSOLUTE.fullmatch(target)
    if match is None:
        return bad_request("the request target is invalid")
    if hosts and match[1].lower() != hosts[0].lower():
        return bad_request("the request target and the Host header name different hosts")
    return None


def _check_framing(version: str, headers: Headers) -> Refusal | None:
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if not codings:
        return None
    if version == "1.0" or any(name == b"content-length" for name, _ in headers):
        return bad_request("the length of the request body is ambiguous")
    if len(codings) > 1 or codings[0].lower() != b"chunked":
        return Refusal(HTTPStatus.NOT_IMPLEMENTED, "the only transfer coding understood is chunked")
    return None
