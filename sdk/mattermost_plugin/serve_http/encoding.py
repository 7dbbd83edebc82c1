"""Parts of an exchange to the bytes of ServeHTTP's messages; as many parts as are at hand in one message.

By hand, for the reason that the tunnel's are (`mattermost_plugin.tunnel.wire_format`). The tests hold the bytes against
the generated code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mattermost_plugin.exchange import Request, Response
from mattermost_plugin.serve_http.fields import (
    ACCEPT_LANGUAGE,
    CONTENT_LENGTH,
    FLUSH,
    HOST,
    IP_ADDRESS,
    KEY,
    METHOD,
    PLUGIN_CONTEXT,
    PROTO,
    PROTO_MAJOR,
    PROTO_MINOR,
    REMOTE_ADDR,
    REQUEST_CHUNK,
    REQUEST_COMPLETE,
    REQUEST_HEADERS,
    REQUEST_ID,
    REQUEST_INIT,
    REQUEST_URI,
    RESPONSE_CHUNK,
    RESPONSE_COMPLETE,
    RESPONSE_HEADERS,
    RESPONSE_INIT,
    STATUS,
    URL,
    USER_AGENT,
    VALUES,
)
from mattermost_plugin.serve_http.heads import ContractHead, Entries, contract_head, entries, url_below, utf8
from mattermost_plugin.tunnel.wire_format import Field, enclose, put, put_number

UINT64: Final = 0xFFFFFFFFFFFFFFFF
OF_MORE_THAN_THEMSELVES: Final = frozenset(
    (b"Accept-Language", b"Content-Length", b"Host", b"User-Agent", b"X-Forwarded-Proto", b"X-Request-Id")
)
"""Headers that other fields of a message are made of."""


class Prepared:
    """What requests have in common that differ only in target, root, id and in the headers that follow.

    Attributes:
        names: of the headers.
        init: the fields of `init` but for the context and the two that have the target in them.
        context: the fields of the context but for the id.
    """

    __slots__ = ("context", "init", "names")

    def __init__(self, head: ContractHead) -> None:
        self.names = {key for key, _ in head.headers}
        init: list[bytes] = []
        _put_common(init, head)
        self.init = b"".join(init)
        context: list[bytes] = []
        _put_some(context, IP_ADDRESS, head.ip_address)
        _put_some(context, ACCEPT_LANGUAGE, head.accept_language)
        _put_some(context, USER_AGENT, head.user_agent)
        self.context = b"".join(context)


def encode_request(request: Request | None, body: Sequence[bytes], complete: bool) -> list[bytes]:
    """A message to a plugin, in pieces to be joined.

    Args:
        request: what it begins, if it begins anything.
        body: the pieces of the body in it.
        complete: whether the body ends with it.
    """
    pieces: list[bytes] = []
    if request is not None:
        pieces.append(b"")
        _put_request(pieces, request)
        enclose(pieces, 0, REQUEST_INIT)
    _put_body(pieces, REQUEST_CHUNK, body)
    if complete:
        put_number(pieces, REQUEST_COMPLETE, 1)
    return pieces


def encode_response(response: Response | None, body: Sequence[bytes], complete: bool) -> list[bytes]:
    """A message to a host, in pieces to be joined; whatever is not the last one asks to be flushed.

    Args:
        response: what it begins, if it begins anything.
        body: the pieces of the body in it.
        complete: whether the body ends with it.
    """
    pieces: list[bytes] = []
    if response is not None:
        pieces.append(b"")
        put_number(pieces, STATUS, response.status)
        _put_headers(pieces, RESPONSE_HEADERS, entries(response.headers))
        enclose(pieces, 0, RESPONSE_INIT)
    _put_body(pieces, RESPONSE_CHUNK, body)
    put_number(pieces, RESPONSE_COMPLETE if complete else FLUSH, 1)
    return pieces


def _put_request(pieces: list[bytes], request: Request) -> None:
    prepared, others = _prepared(request)
    start = len(pieces)
    pieces.append(b"")
    _put_some(pieces, REQUEST_ID, utf8(request.request_id))
    pieces.append(prepared.context)
    enclose(pieces, start, PLUGIN_CONTEXT)
    pieces.append(prepared.init)
    put(pieces, URL, url_below(request))
    put(pieces, REQUEST_URI, utf8(request.target))
    _put_headers(pieces, REQUEST_HEADERS, others)


def _prepared(request: Request) -> tuple[Prepared, Entries]:
    """What a request shares with others, made once, and the headers that it has besides."""
    common = request.common
    if common is None:
        return Prepared(contract_head(request)), []
    others = entries(request.headers[len(common.fields) :])
    known = common.prepared
    if not isinstance(known, Prepared):
        known = common.prepared = _prepare(request, common.fields)
    for key, _ in others:
        if key in known.names or key in OF_MORE_THAN_THEMSELVES:  # all values of a name belong together
            return Prepared(contract_head(request)), []
    return known, others


def _prepare(request: Request, fields: list[tuple[bytes, bytes]]) -> Prepared:
    headers, request.headers = request.headers, fields
    try:
        return Prepared(contract_head(request))
    finally:
        request.headers = headers


def _put_common(pieces: list[bytes], head: ContractHead) -> None:
    _put_some(pieces, METHOD, head.method)
    _put_some(pieces, PROTO, head.proto)
    put_number(pieces, PROTO_MAJOR, head.proto_major)
    put_number(pieces, PROTO_MINOR, head.proto_minor)
    _put_headers(pieces, REQUEST_HEADERS, head.headers)
    _put_some(pieces, HOST, head.host)
    _put_some(pieces, REMOTE_ADDR, head.remote_addr)
    put_number(pieces, CONTENT_LENGTH, head.content_length & UINT64)


def _put_headers(pieces: list[bytes], field: Field, headers: Entries) -> None:
    for key, values in headers:
        start = len(pieces)
        pieces.append(b"")
        put(pieces, KEY, key)
        for value in values:
            put(pieces, VALUES, value)
        enclose(pieces, start, field)


def _put_body(pieces: list[bytes], field: Field, body: Sequence[bytes]) -> None:
    if len(body) == 1:
        put(pieces, field, body[0])
    elif body:
        put(pieces, field, b"".join(body))


def _put_some(pieces: list[bytes], field: Field, data: bytes) -> None:
    """Append a field of data, unless it is empty."""
    if data:
        put(pieces, field, data)
