"""The bytes of a message to its parts. What is not as it has to be is refused, or becomes an `Invalid` part."""

from __future__ import annotations

from typing import Final, TypeVar

from mattermost_plugin.exchange import (
    Accept,
    Body,
    Close,
    End,
    Informational,
    Message,
    Request,
    Reset,
    ResetCode,
    Response,
)
from mattermost_plugin.tunnel.errors import RemoteProtocolError
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
from mattermost_plugin.tunnel.parts import MAX_FRAMES, Addressed, Credit, Drain, Hello, Invalid, TunnelPart
from mattermost_plugin.tunnel.wire_format import MAX_FIELDS, UINT32, Field, Reader

T = TypeVar("T")

INTERIM_STATUSES: Final = frozenset(range(100, 200)) - {101}
FIRST_FINAL_STATUS: Final = 200
LAST_FINAL_STATUS: Final = 999

_ODD: Final = "a header list with a name but no value"

SMALLEST_KNOWN: Final = 48
"""Bytes below which a block is read faster than it is looked up."""
LARGEST_KNOWN: Final = 4096
"""Bytes above which heads are not remembered."""
MOST_KNOWN: Final = 512
"""How many of each kind are remembered, a few megabytes at the most; then the older half is forgotten."""

_END_ALONE: Final = End()
_blocks: Final[dict[bytes, list[tuple[bytes, bytes]]]] = {}
_responses: Final[dict[bytes, Response]] = {}


def decode(data: bytes) -> list[Addressed]:
    """The parts of a message, in order. What makes no sense becomes `Invalid`, for the core to judge.

    Raises:
        RemoteProtocolError: the bytes are no message.
    """
    parts: list[Addressed] = []
    decode_into(parts, data, 0, len(data))
    return parts


def decode_into(parts: list[Addressed], data: bytes, start: int, end: int) -> int:
    """As `decode`, of what is between two places; returns how many fields were read, which is what it cost."""
    reader = Reader(data, start, end)
    frames = 0
    try:
        while reader.position < end:
            tag = reader.tag()
            if tag == FRAME.tag:
                frames += 1
                if frames > MAX_FRAMES:
                    raise RemoteProtocolError(f"a message of more than {MAX_FRAMES} frames")
                _decode_frame(reader, parts)
            elif tag == HELLO.tag:
                parts.append((0, _decode_hello(reader)))
            else:
                reader.skip(tag)
        reader.leave(end)
    except (IndexError, UnicodeDecodeError) as error:
        raise RemoteProtocolError(f"bytes that are no message: {error}") from None
    return MAX_FIELDS - reader.fields_left


def _decode_frame(reader: Reader, parts: list[Addressed]) -> None:
    id = 0
    head: TunnelPart | None = None
    body = b""
    complete = False
    trailers: list[bytes] = []
    end = reader.end()
    while reader.position < end:  # here and below: by tags, what comes most often first, because nothing is looked up
        tag = reader.tag()
        if tag == EXCHANGE.tag:
            id = reader.varint()
        elif tag == BODY.tag:
            body = reader.data()
        elif tag == END.tag:
            complete = reader.varint() != 0
        elif tag == TRAILERS.tag:
            trailers.append(reader.data())
        else:
            head = _decode_kind(reader, tag) or head
    reader.leave(end)
    if head is not None:
        parts.append((id, head))
    if body:
        parts.append((id, Body(body)))
    if complete:
        parts.append((id, _end(trailers)))


def _decode_kind(reader: Reader, tag: int) -> TunnelPart | None:
    """What a frame holds beside body and end; None for a field that this version does not know."""
    if tag == RESPONSE.tag:
        return _known_response(reader)
    if tag == REQUEST.tag:
        return _decode_request(reader)
    if tag == CREDIT.tag:
        return Credit(reader.varint())
    if tag == MESSAGE.tag:
        return _decode_message(reader)
    if tag == INFORMATIONAL.tag:
        return _decode_response(reader, reader.end(), interim=True)
    if tag == ACCEPT.tag:
        return _decode_accept(reader)
    if tag == CLOSE.tag:
        return _decode_close(reader)
    if tag == RESET.tag:
        return _decode_reset(reader)
    if tag == DRAIN.tag:
        return _decode_drain(reader)
    reader.skip(tag)
    return None


def _decode_hello(reader: Reader) -> Hello:
    window = max_exchanges = min_version = max_version = 0
    agent = ""
    end = reader.end()
    while reader.position < end:
        tag = reader.tag()
        if tag == WINDOW.tag:
            window = reader.varint() & UINT32
        elif tag == MAX_EXCHANGES.tag:
            max_exchanges = reader.varint() & UINT32
        elif tag == MIN_VERSION.tag:
            min_version = reader.varint() & UINT32
        elif tag == MAX_VERSION.tag:
            max_version = reader.varint() & UINT32
        elif tag == AGENT.tag:
            agent = reader.text()
        else:
            reader.skip(tag)
    reader.leave(end)
    return Hello(window, max_exchanges, agent, min_version, max_version)


def _decode_request(reader: Reader) -> TunnelPart:
    method = scheme = http_version = client_host = server_host = ""
    root_length = client_port = server_port = 0
    target = request_id = b""
    websocket = trailers = early_hints = odd = False
    headers: list[tuple[bytes, bytes]] = []
    end = reader.end()
    while reader.position < end:
        tag = reader.tag()
        if tag == REQUEST_HEADERS.tag:
            block = _block(reader)
            if block is None:
                odd = True
            else:
                headers = headers + block if headers else block  # not +=, for the block may be the remembered list
        elif tag == METHOD.tag:
            method = reader.text()
        elif tag == TARGET.tag:
            target = reader.data()
        elif tag == ROOT_LENGTH.tag:
            root_length = reader.varint() & UINT32
        elif tag == REQUEST_ID.tag:
            request_id = reader.data()
        elif tag == SCHEME.tag:
            scheme = reader.text()
        elif tag == HTTP_VERSION.tag:
            http_version = reader.text()
        elif tag == CLIENT_HOST.tag:
            client_host = reader.text()
        elif tag == CLIENT_PORT.tag:
            client_port = reader.varint() & UINT32
        elif tag == SERVER_HOST.tag:
            server_host = reader.text()
        elif tag == SERVER_PORT.tag:
            server_port = reader.varint() & UINT32
        elif tag == WEBSOCKET.tag:
            websocket = reader.varint() != 0
        elif tag == TAKES_TRAILERS.tag:
            trailers = reader.varint() != 0
        elif tag == TAKES_EARLY_HINTS.tag:
            early_hints = reader.varint() != 0
        else:
            reader.skip(tag)
    reader.leave(end)
    if odd:
        return Invalid(_ODD, opens=True)
    if not method or root_length > len(target):
        return Invalid("a request without a method, or with a root longer than its target", opens=True)
    return Request(
        method,
        target,
        root_length,
        headers,
        scheme,
        http_version,
        (client_host, client_port) if client_host else None,
        (server_host, server_port) if server_host else None,
        websocket,
        trailers,
        early_hints,
        request_id,
    )


def _block(outer: Reader) -> list[tuple[bytes, bytes]] | None:
    """The fields of a block, None for a name without a value. Nobody changes the list: it may be given out again."""
    data = outer.data()
    known = _blocks.get(data)  # a client sends the same headers again and again, and bytes are hashed in one go
    if known is not None:
        return known
    # A reader of its own, so that what the block means depends on these bytes alone.
    reader = Reader(data, 0, len(data), outer.fields_left)
    flat: list[bytes] = []
    while reader.position < len(data):
        tag = reader.tag()
        if tag == ITEMS.tag:
            flat.append(reader.data())
        else:
            reader.skip(tag)
    outer.fields_left = reader.fields_left
    if len(flat) % 2:
        return None
    fields = _pairs(flat)
    if SMALLEST_KNOWN <= len(data) <= LARGEST_KNOWN:
        _remember(_blocks, data, fields)
    return fields


def _remember(known: dict[bytes, T], data: bytes, meaning: T) -> None:
    if len(known) >= MOST_KNOWN:  # by halves: to move each to the end as it is used would cost every look-up
        for old in list(known)[: MOST_KNOWN // 2]:
            del known[old]
    known[data] = meaning


def _known_response(outer: Reader) -> TunnelPart:
    """A response head; one that came before, as the same bytes, is the same object."""
    data = outer.data()
    known = _responses.get(data)
    if known is not None:
        return known
    reader = Reader(data, 0, len(data), outer.fields_left)
    response = _decode_response(reader, len(data), interim=False)
    outer.fields_left = reader.fields_left
    if isinstance(response, Response) and len(data) <= LARGEST_KNOWN:
        _remember(_responses, data, response)
    return response


def _decode_response(reader: Reader, end: int, *, interim: bool) -> TunnelPart:
    status = 0
    trailers = False
    flat: list[bytes] = []
    while reader.position < end:
        tag = reader.tag()
        if tag == RESPONSE_HEADERS.tag:
            flat.append(reader.data())
        elif tag == STATUS.tag:
            status = reader.varint() & UINT32
        elif tag == HAS_TRAILERS.tag:
            trailers = reader.varint() != 0
        else:
            reader.skip(tag)
    reader.leave(end)
    if len(flat) % 2:
        return Invalid(_ODD)
    if interim:
        known = status in INTERIM_STATUSES
        return Informational(status, _pairs(flat)) if known else Invalid(f"an interim response with status {status}")
    if not FIRST_FINAL_STATUS <= status <= LAST_FINAL_STATUS:
        return Invalid(f"a response with status {status}")
    return Response(status, _pairs(flat), trailers)


def _decode_accept(reader: Reader) -> TunnelPart:
    subprotocol = ""
    flat: list[bytes] = []
    end = reader.end()
    while reader.position < end:
        tag = reader.tag()
        if tag == ACCEPT_HEADERS.tag:
            flat.append(reader.data())
        elif tag == SUBPROTOCOL.tag:
            subprotocol = reader.text()
        else:
            reader.skip(tag)
    reader.leave(end)
    return Invalid(_ODD) if len(flat) % 2 else Accept(_pairs(flat), subprotocol)


def _decode_message(reader: Reader) -> TunnelPart:
    data = b""
    text = more = False
    end = reader.end()
    while reader.position < end:
        tag = reader.tag()
        if tag == DATA.tag:
            data = reader.data()
        elif tag == TEXT.tag:
            text = reader.varint() != 0
        elif tag == MORE.tag:
            more = reader.varint() != 0
        else:
            reader.skip(tag)
    reader.leave(end)
    return Message(data, text, more)


def _decode_close(reader: Reader) -> TunnelPart:
    code, reason = _decode_coded(reader, CLOSE_CODE, CLOSE_REASON)
    return Close(code, reason)


def _decode_reset(reader: Reader) -> TunnelPart:
    number, reason = _decode_coded(reader, RESET_CODE, RESET_REASON)
    try:
        code = ResetCode(number)
    except ValueError:  # a code of a later version: what matters is that the exchange is over
        code = ResetCode.INTERNAL
    return Reset(code, reason)


def _decode_drain(reader: Reader) -> Drain:
    notice = False
    end = reader.end()
    while reader.position < end:
        tag = reader.varint()
        if tag == DRAIN_NOTICE.tag:
            notice = reader.varint() != 0
        else:
            reader.skip(tag)
    reader.leave(end)
    return Drain(notice)


def _decode_coded(reader: Reader, code_field: Field, reason_field: Field) -> tuple[int, str]:
    """A message of a code and a reason, whichever of the two."""
    code = 0
    reason = ""
    end = reader.end()
    while reader.position < end:
        tag = reader.tag()
        if tag == code_field.tag:
            code = reader.varint() & UINT32
        elif tag == reason_field.tag:
            reason = reader.text()
        else:
            reader.skip(tag)
    reader.leave(end)
    return code, reason


def _end(trailers: list[bytes]) -> TunnelPart:
    if not trailers:
        return _END_ALONE
    return Invalid(_ODD) if len(trailers) % 2 else End(_pairs(trailers))


def _pairs(flat: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Names and values in turn, as pairs."""
    return [(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)]
