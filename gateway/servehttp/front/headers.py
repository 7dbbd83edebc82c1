"""Headers on their way to a plugin and back.

To the plugin: nothing that belongs to one connection only (RFC 9110 §7.6.1), nothing that a client may not say of
itself, and one request id. Back: nothing that could change the framing, which is the gateway's own.
"""

from __future__ import annotations

import random
import re
import time
from email.utils import formatdate

from mattermost_plugin.exchange import Headers, Response
from mattermost_plugin.headers import checked, content_length, end_to_end
from servehttp.front.peers import FORWARDED_HEADERS

IDENTITY_HEADERS = frozenset((b"mattermost-user-id", b"mattermost-plugin-id"))
"""The gateway's word; underscores count as hyphens, because some applications fold them."""

REQUEST_ID = b"x-request-id"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")

BODILESS_STATUSES = frozenset((204, 304))


def to_plugin(headers: Headers, *, trusted: bool) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The headers a plugin gets, and the request id among them.

    Args:
        headers: what the client sent, names in lower case.
        trusted: whether the peer may speak for the client.
    """
    kept = []
    request_id = None
    for header in end_to_end(headers):
        name = header[0]
        if name == REQUEST_ID:
            if request_id is not None or not _REQUEST_ID.fullmatch(header[1]):
                continue
            request_id = header[1]
        elif not _may_pass(name, trusted):
            continue
        kept.append(header)
    if request_id is None:
        request_id = new_request_id()
        kept.append((REQUEST_ID, request_id))
    return kept, request_id


def new_request_id() -> bytes:
    """An id that no other request has; it is no secret, so that it need not be hard to guess."""
    return b"%020x" % random.getrandbits(80)


def _may_pass(name: bytes, trusted: bool) -> bool:
    if name in FORWARDED_HEADERS:
        return trusted
    return name not in IDENTITY_HEADERS and (b"_" not in name or name.replace(b"_", b"-") not in IDENTITY_HEADERS)


def to_client(response: Response, request_id: bytes) -> tuple[list[tuple[bytes, bytes]], int | None]:
    """The headers a client gets, and the content-length that the body must keep to.

    Raises:
        InvalidHeader: a plugin's header that must not reach the client; it names it.
    """
    headers = end_to_end(checked(response.headers))
    length = content_length(headers)
    if length is not None and response.status == 204:
        headers = [header for header in headers if header[0] != b"content-length"]
    identified = dated = False
    for name, _ in headers:
        identified = identified or name == REQUEST_ID
        dated = dated or name == b"date"
    if not identified:
        headers.append((REQUEST_ID, request_id))
    if not dated:
        headers.append((b"date", _date()))
    return headers, length


_date_now: tuple[int, bytes] = (0, b"")


def _date() -> bytes:
    """The current date for HTTP, made once a second."""
    global _date_now
    now = int(time.time())
    if _date_now[0] != now:
        _date_now = (now, formatdate(now, usegmt=True).encode())
    return _date_now[1]
