"""Parts to the bytes of a message.

Consecutive parts of one exchange share a frame where docs/protocol.md §3 allows it: a head, a piece of body, the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mattermost_plugin.exchange import (
    Accept,
    Body,
    Close,
    Common,
    End,
    Headers,
    Informational,
    Message,
    Request,
    Reset,
    Response,
)
from mattermost_plugin.tunnel.fields import (
    ACCEPT,
    ACCEPT_HEADERS,
    AGENT,
    BODY,
    CLIENT_HOST,
    CLIENT_PORT,
    CLOSE,
    CLOSE_CODE,
    CLOSE_REASON,
    CREDIT,
    DATA,
    DRAIN,
    DRAIN_NOTICE,
    END,
    EXCHANGE,
    FRAME,
    HAS_TRAILERS,
    HELLO,
    HTTP_VERSION,
    INFORMATIONAL,
    ITEMS,
    MAX_EXCHANGES,
    MAX_VERSION,
    MESSAGE,
    METHOD,
    MIN_VERSION,
    MORE,
    REQUEST,
    REQUEST_HEADERS,
    REQUEST_ID,
    RESET,
    RESET_CODE,
    RESET_REASON,
    RESPONSE,
    RESPONSE_HEADERS,
    ROOT_LENGTH,
    SCHEME,
    SERVER_HOST,
    SERVER_PORT,
    STATUS,
    SUBPROTOCOL,
    TAKES_EARLY_HINTS,
    TAKES_TRAILERS,
    TARGET,
    TEXT,
    TRAILERS,
    WEBSOCKET,
    WINDOW,
)
from mattermost_plugin.tunnel.parts import Addressed, Credit, Drain, Hello, TunnelPart
from mattermost_plugin.tunnel.wire_format import Field, enclose, put, put_number, put_text, varint

_ALONE: Final = 0
_HEAD: Final = 1
_BODY: Final = 2
_END: Final = 3


LARGE: Final = 16 * 1024
"""Bytes from which data goes out as a piece of its own: to join it with what stands around it would copy it."""


def encode(parts: Iterable[Addressed]) -> bytes:
    """One message with all parts, in order; a hello comes first and has the number 0."""
    return b"".join(encode_pieces(parts))


def encode_pieces(parts: Iterable[Addressed]) -> list[bytes]:
    """As `encode`, in pieces: one, or more where parts have large data."""
    pieces: list[bytes] = []
    large = False
    frame = -1
    frame_id = -1
    last = _END
    for id, part in parts:
        if isinstance(part, Hello):
            _encode_hello(pieces, part)
            continue
        place = _place(part)
        if id != frame_id or place <= last:
            if frame >= 0:
                enclose(pieces, frame, FRAME)
            frame = len(pieces)
            frame_id = id
            pieces.append(b"")  # where the frame's length goes once it is known: what follows is not moved for it
            put_number(pieces, EXCHANGE, id)
        _encode_part(pieces, part)
        if isinstance(part, (Body, Message)) and len(part.data) >= LARGE:
            large = True
        last = place or _END
    if frame >= 0:
        enclose(pieces, frame, FRAME)
    return _gathered(pieces) if large else [b"".join(pieces)]


def _gathered(pieces: list[bytes]) -> list[bytes]:
    """The same bytes, small pieces joined and large ones left alone."""
    gathered: list[bytes] = []
    small: list[bytes] = []
    for piece in pieces:
        if len(piece) < LARGE:
            small.append(piece)
        else:
            gathered.append(b"".join(small))
            gathered.append(piece)
            small = []
    gathered.append(b"".join(small))
    return gathered


def _place(part: TunnelPart) -> int:
    """Where in a frame a part stands; each may follow those with lower numbers."""
    if isinstance(part, (Request, Response)):
        return _HEAD
    if isinstance(part, Body):
        return _BODY
    return _END if isinstance(part, End) else _ALONE


def _encode_part(pieces: list[bytes], part: TunnelPart) -> None:
    if isinstance(part, Body):
        put(pieces, BODY, part.data)
    elif isinstance(part, End):
        put_number(pieces, END, 1)
        _put_headers(pieces, TRAILERS, part.trailers)
    elif isinstance(part, Credit):
        pieces.append(CREDIT.start + varint(part.amount))  # an amount is seldom below 128, which `put_number` is for
    else:
        start = len(pieces)
        pieces.append(b"")
        field = _encode_message(pieces, part)
        enclose(pieces, start, field)


def _encode_message(pieces: list[bytes], part: TunnelPart) -> Field:
    """Append the fields of a part that is a message of its own; returns the field that it belongs in."""
    if isinstance(part, Response):
        _encode_response(pieces, part.status, part.headers)
        put_number(pieces, HAS_TRAILERS, part.trailers)
        return RESPONSE
    if isinstance(part, Request):
        _encode_request(pieces, part)
        return REQUEST
    if isinstance(part, Message):
        if part.data:
            put(pieces, DATA, part.data)
        put_number(pieces, TEXT, part.text)
        put_number(pieces, MORE, part.more)
        return MESSAGE
    if isinstance(part, Informational):
        _encode_response(pieces, part.status, part.headers)
        return INFORMATIONAL
    if isinstance(part, Accept):
        _put_headers(pieces, ACCEPT_HEADERS, part.headers)
        put_text(pieces, SUBPROTOCOL, part.subprotocol)
        return ACCEPT
    if isinstance(part, Close):
        put_number(pieces, CLOSE_CODE, part.code)
        put_text(pieces, CLOSE_REASON, part.reason)
        return CLOSE
    if isinstance(part, Reset):
        put_number(pieces, RESET_CODE, part.code)
        put_text(pieces, RESET_REASON, part.reason)
        return RESET
    assert isinstance(part, Drain), f"{type(part).__name__} is never sent"
    put_number(pieces, DRAIN_NOTICE, part.notice)
    return DRAIN


def _encode_hello(pieces: list[bytes], hello: Hello) -> None:
    start = len(pieces)
    pieces.append(b"")
    put_number(pieces, MIN_VERSION, hello.min_version)
    put_number(pieces, MAX_VERSION, hello.max_version)
    put_number(pieces, WINDOW, hello.window)
    put_number(pieces, MAX_EXCHANGES, hello.max_exchanges)
    put_text(pieces, AGENT, hello.agent)
    enclose(pieces, start, HELLO)


def _encode_request(pieces: list[bytes], part: Request) -> None:
    common, headers = part.common, part.headers
    if common is None:
        _encode_common(pieces, part, ())
    else:
        if common.encoded is None:  # what all requests of a connection have in common is encoded with the first
            common.encoded = _encoded_common(part, common)
        pieces.append(common.encoded)
        headers = headers[len(common.fields) :]
    if part.target:
        put(pieces, TARGET, part.target)
    put_number(pieces, ROOT_LENGTH, part.root_length)
    if part.request_id:
        put(pieces, REQUEST_ID, part.request_id)
    _encode_block(pieces, headers)


def _encoded_common(part: Request, common: Common) -> bytes:
    pieces: list[bytes] = []
    _encode_common(pieces, part, common.fields)
    return b"".join(pieces)


def _encode_common(pieces: list[bytes], part: Request, fields: Headers) -> None:
    """Everything but target, root and id, and of the headers only `fields`."""
    put_text(pieces, METHOD, part.method)
    put_text(pieces, SCHEME, part.scheme)
    put_text(pieces, HTTP_VERSION, part.http_version)
    _encode_block(pieces, fields)
    if part.client is not None:
        put_text(pieces, CLIENT_HOST, part.client[0])
        put_number(pieces, CLIENT_PORT, part.client[1])
    if part.server is not None:
        put_text(pieces, SERVER_HOST, part.server[0])
        put_number(pieces, SERVER_PORT, part.server[1])
    put_number(pieces, WEBSOCKET, part.websocket)
    put_number(pieces, TAKES_TRAILERS, part.trailers)
    put_number(pieces, TAKES_EARLY_HINTS, part.early_hints)


def _encode_block(pieces: list[bytes], fields: Headers) -> None:
    if fields:
        start = len(pieces)
        pieces.append(b"")
        _put_headers(pieces, ITEMS, fields)
        enclose(pieces, start, REQUEST_HEADERS)


def _encode_response(pieces: list[bytes], status: int, headers: Headers) -> None:
    put_number(pieces, STATUS, status)
    _put_headers(pieces, RESPONSE_HEADERS, headers)


def _put_headers(pieces: list[bytes], field: Field, headers: Headers) -> None:
    for name, value in headers:
        put(pieces, field, name)
        put(pieces, field, value)
