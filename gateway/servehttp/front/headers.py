"""Headers on their way to a plugin and back.

To the plugin: nothing that belongs to one connection only (RFC 9110 §7.6.1), and nothing that a client may not say of
itself. Back: nothing that could change the framing, which is the gateway's own.
"""

from __future__ import annotations

import os
import re
import time
from binascii import hexlify
from email.utils import formatdate
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote_to_bytes

from mattermost_plugin.exchange import Common, Headers, Request, Response
from mattermost_plugin.headers import checked, content_length, end_to_end
from mattermost_plugin.request_id import FORM
from servehttp.front.cookies import SET_COOKIE, with_own_cookies
from servehttp.request_rules import may_pass

COOKIE: Final = b"MMAUTHTOKEN"
"""Has the token of a login."""
PARAMETER: Final = b"access_token"
"""The parameter of a query that has a token."""
REFERER: Final = b"referer"
TOKEN_HEADERS: Final = {b"authorization": b"", b"cookie": COOKIE, REFERER: PARAMETER}
"""Those that may have a token of the workspace in them, and what is written in front of it."""

REQUEST_ID: Final = b"x-request-id"
_REQUEST_ID: Final = re.compile(FORM.encode())

ID_BYTES: Final = 10
IDS_AT_ONCE: Final = 512

BODILESS_STATUSES: Final = frozenset((204, 304))
UNNAMED_STATUSES: Final = range(600, 1000)
"""Not HTTP's, and yet passed on: a plugin may answer with any of three digits."""


class RequestHeaders:
    """What a plugin may see of the headers of a request, and of those that differ from it only in their target.

    An id that the client gave its request is a header like any other, and its id here too if it has the form of one.

    Args:
        raw: what the client sent, names in lower case.
        trusted: whether the peer may speak for the client.

    Attributes:
        common: what passes.
        may_identify: whether one of them may have a token of the workspace in it.
        request_id: the client's own; None where the gateway has to make one.
    """

    __slots__ = ("common", "may_identify", "request_id")

    def __init__(self, raw: Headers, *, trusted: bool) -> None:
        self.request_id: bytes | None = None
        self.may_identify = False
        kept = []
        for header in end_to_end(raw):
            name = header[0]
            # One look-up for nearly every header: whether a token is in the few others is asked only of them.
            if name in TOKEN_HEADERS and (
                TOKEN_HEADERS[name] in header[1] or (name == REFERER and names_token(header[1]))
            ):
                self.may_identify = True
            if name == REQUEST_ID and self.request_id is None and _REQUEST_ID.fullmatch(header[1]):
                self.request_id = header[1]
            if may_pass(name, trusted):
                kept.append(header)  # the parser's own pair: no header is copied
        self.common = Common(kept)

    def apply(self, request: Request) -> bytes:
        """Give a request its headers; returns its id."""
        request_id = self.request_id or new_request_id()
        request.common = self.common
        request.headers = self.common.fields
        request.request_id = request_id
        return request_id


def names_token(text: bytes) -> bool:
    """Whether the parameter for a token may be in a target or an address, percent-encoded or not."""
    return PARAMETER in text or (b"%" in text and PARAMETER in unquote_to_bytes(text))


class _RequestIds:
    """Ids of 80 random bits; made many at a time, each costs next to nothing."""

    __slots__ = ("_made", "_used")

    def __init__(self) -> None:
        self._made = b""
        self._used = 0

    def next(self) -> bytes:
        start = self._used
        if start == len(self._made):
            self._made = hexlify(os.urandom(ID_BYTES * IDS_AT_ONCE))
            start = 0
        self._used = start + 2 * ID_BYTES
        return self._made[start : self._used]


_request_ids: Final = _RequestIds()


def new_request_id() -> bytes:
    """An id that no other request has, not even of another gateway."""
    return _request_ids.next()


class ResponseHead:
    """What a client may see of a response head, for all requests that are answered with the same one.

    Args:
        response: the plugin's.

    Attributes:
        headers: without what differs from request to request.
        length: the content-length that the body must keep to.
        sets_cookies: whether it does.

    Raises:
        InvalidHeader: a header that must not reach the client; the text names it.
    """

    __slots__ = ("_dated", "_identified", "_lines", "_scoped", "_status", "headers", "length", "sets_cookies")

    def __init__(self, response: Response) -> None:
        headers = end_to_end(checked(response.headers))
        self.length = content_length(headers)
        if self.length is not None and response.status in BODILESS_STATUSES:  # uvicorn holds a body against it
            headers = [header for header in headers if header[0] != b"content-length"]
        names = [name for name, _ in headers]
        self.headers = headers
        self._identified = REQUEST_ID in names
        self._dated = b"date" in names
        self.sets_cookies = SET_COOKIE in names
        self._status = response.status
        self._scoped: tuple[bytes, ResponseHead] | None = None
        # Written once: a plugin's answers have few different heads, and all that differs is put behind.
        self._lines = status_line(response.status) + field_lines(headers)

    def with_own_cookies(self, root: bytes) -> ResponseHead:
        """This head with the cookies that it sets scoped to a path: one head may be sent by several plugins."""
        if self._scoped is None or self._scoped[0] != root:
            self._scoped = root, ResponseHead(Response(self._status, with_own_cookies(self.headers, root)))
        return self._scoped[1]

    def headers_for(self, request_id: bytes) -> list[tuple[bytes, bytes]]:
        """The headers of one response."""
        headers = list(self.headers)
        if not self._identified:
            headers.append((REQUEST_ID, request_id))
        if not self._dated:
            headers.append((b"date", _clock.date()))
        return headers

    def lines_for(self, request_id: bytes) -> bytes:
        """The status and the same headers, as HTTP/1.1 writes them."""
        if not (self._identified or self._dated):  # nearly always, so that one copy makes the whole of it
            return b"%bx-request-id: %b\r\ndate: %b\r\n" % (self._lines, request_id, _clock.date())
        own = b"" if self._identified else b"x-request-id: %b\r\n" % request_id
        return self._lines + own if self._dated else b"%bdate: %b\r\n" % (self._lines, _clock.date())


def response_head(response: Response) -> ResponseHead:
    """The head of a response; made once for those that are the same object.

    Raises:
        InvalidHeader: a header that must not reach the client; the text names it.
    """
    head = response.prepared
    if not isinstance(head, ResponseHead):
        head = response.prepared = ResponseHead(response)
    return head


def status_line(status: int) -> bytes:
    """The first line of a response; a status without a name has none."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


def field_lines(headers: Headers) -> bytes:
    """Headers as HTTP/1.1 writes them."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])  # a list: `join` would make one of a generator


class _Clock:
    """The current date for HTTP, made once a second."""

    __slots__ = ("_date", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._date = b""

    def date(self) -> bytes:
        now = int(time.time())
        if self._second != now:
            self._second = now
            self._date = formatdate(now, usegmt=True).encode()
        return self._date


_clock: Final = _Clock()


def http_date() -> bytes:
    """The current date as headers have it."""
    return _clock.date()
