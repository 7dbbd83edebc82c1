"""The bytes of ServeHTTP's messages to parts of an exchange."""

from __future__ import annotations

from typing import Final

from mattermost_plugin.exchange import Body, End, Part, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.serve_http.fields import (
    ACCEPT_LANGUAGE,
    CONTENT_LENGTH,
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
from mattermost_plugin.serve_http.heads import ContractHead, Entries, request_of, response_of
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from mattermost_plugin.tunnel.wire_format import UINT32, Reader

UINT64: Final = 0xFFFFFFFFFFFFFFFF
INT32_BITS: Final = 31
INT64_BITS: Final = 63

LARGEST_KNOWN: Final = 4096
"""Bytes above which response heads are not remembered."""
MOST_KNOWN: Final = 512
"""How many are, a few megabytes at the most."""

_END: Final = End()
_responses: Final[dict[bytes, Response]] = {}


def decode_request(parts: list[Part], data: bytes) -> None:
    """Append what a message to a plugin brings.

    Raises:
        ExchangeReset: it cannot be read.
    """
    init: bytes | None = None
    body = b""
    complete = False
    reader = Reader(data, 0, len(data))
    try:
        while reader.position < len(data):
            tag = reader.tag()
            if tag == REQUEST_INIT.tag:
                init = reader.data() if init is None else init + reader.data()  # as protobuf merges messages
            elif tag == REQUEST_CHUNK.tag:
                body = reader.data()
            elif tag == REQUEST_COMPLETE.tag:
                complete = reader.varint() != 0
            else:
                reader.skip(tag)
        if init is not None:
            parts.append(_request(init))
    except (IndexError, UnicodeDecodeError, RemoteProtocolError) as error:
        raise ExchangeReset(ResetCode.PROTOCOL, f"a message that cannot be read: {error}") from None
    _append_body(parts, body, complete)


def decode_response(parts: list[Part], data: bytes) -> None:
    """Append what a message to a host brings. Heads that came before, as the same bytes, are the same objects.

    Raises:
        ExchangeReset: it cannot be read, or has an impossible status.
    """
    init: bytes | None = None
    body = b""
    complete = False
    reader = Reader(data, 0, len(data))
    try:
        while reader.position < len(data):
            tag = reader.tag()
            if tag == RESPONSE_CHUNK.tag:
                body = reader.data()
            elif tag == RESPONSE_INIT.tag:
                init = reader.data() if init is None else init + reader.data()
            elif tag == RESPONSE_COMPLETE.tag:
                complete = reader.varint() != 0
            else:
                reader.skip(tag)
        if init is not None:
            parts.append(_response(init))
    except (IndexError, RemoteProtocolError) as error:
        raise ExchangeReset(ResetCode.PROTOCOL, f"a message that cannot be read: {error}") from None
    _append_body(parts, body, complete)


def _append_body(parts: list[Part], body: bytes, complete: bool) -> None:
    if body:
        parts.append(Body(body))
    if complete:
        parts.append(_END)


def _response(data: bytes) -> Response:
    known = _responses.get(data)
    if known is not None:
        return known
    status = 0
    headers: Entries = []
    reader = Reader(data, 0, len(data))
    while reader.position < len(data):
        tag = reader.tag()
        if tag == RESPONSE_HEADERS.tag:
            headers.append(_header(reader))
        elif tag == STATUS.tag:
            status = _signed(reader.varint() & UINT32, INT32_BITS)
        else:
            reader.skip(tag)
    response = response_of(status, headers)
    if len(data) <= LARGEST_KNOWN:
        if len(_responses) >= MOST_KNOWN:
            _responses.clear()
        _responses[data] = response
    return response


def _request(data: bytes) -> Request:
    head = ContractHead()
    reader = Reader(data, 0, len(data))
    while reader.position < len(data):
        tag = reader.tag()
        if tag == REQUEST_HEADERS.tag:
            head.headers.append(_header(reader))
        elif tag == METHOD.tag:
            head.method = reader.data()
        elif tag == URL.tag:
            head.url = reader.data()
        elif tag == REQUEST_URI.tag:
            head.request_uri = reader.data()
        elif tag == PLUGIN_CONTEXT.tag:
            _read_context(reader, head)
        elif tag == PROTO_MAJOR.tag:
            head.proto_major = _signed(reader.varint() & UINT32, INT32_BITS)
        elif tag == PROTO_MINOR.tag:
            head.proto_minor = _signed(reader.varint() & UINT32, INT32_BITS)
        elif tag == HOST.tag:
            head.host = reader.data()
        elif tag == REMOTE_ADDR.tag:
            head.remote_addr = reader.data()
        elif tag == CONTENT_LENGTH.tag:
            head.content_length = _signed(reader.varint() & UINT64, INT64_BITS)
        elif tag == PROTO.tag:
            head.proto = reader.data()
        else:
            reader.skip(tag)
    return request_of(head)


def _read_context(reader: Reader, head: ContractHead) -> None:
    end = reader.end()
    while reader.position < end:
        tag = reader.tag()
        if tag == REQUEST_ID.tag:
            head.request_id = reader.data()
        elif tag == IP_ADDRESS.tag:
            head.ip_address = reader.data()
        elif tag == ACCEPT_LANGUAGE.tag:
            head.accept_language = reader.data()
        elif tag == USER_AGENT.tag:
            head.user_agent = reader.data()
        else:
            reader.skip(tag)
    reader.leave(end)


def _header(reader: Reader) -> tuple[bytes, list[bytes]]:
    key = b""
    values: list[bytes] = []
    end = reader.end()
    while reader.position < end:
        tag = reader.tag()
        if tag == VALUES.tag:
            values.append(reader.data())
        elif tag == KEY.tag:
            key = reader.data()
        else:
            reader.skip(tag)
    reader.leave(end)
    return key, values


def _signed(value: int, bits: int) -> int:
    """A number whose highest bit is its sign."""
    return value - (1 << bits + 1) if value >> bits else value
