"""Parts to the bytes of a message and back, as proto/servehttp/tunnel/v1/tunnel.proto has them.

Consecutive parts of one exchange share a frame where docs/protocol.md §3 allows it: a head, a piece of body, the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

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
    ResetCode,
    Response,
)
from mattermost_plugin.grpc import tunnel_pb2 as pb
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from mattermost_plugin.tunnel.parts import MAX_FRAMES, Addressed, Credit, Drain, Hello, Invalid, TunnelPart
from mattermost_plugin.tunnel.wire_format import (
    MAX_FIELDS,
    UINT32,
    Field,
    Reader,
    enclose,
    put,
    put_number,
    put_text,
    varint,
)

T = TypeVar("T")

INTERIM_STATUSES: Final = frozenset(range(100, 200)) - {101}
FIRST_FINAL_STATUS: Final = 200
LAST_FINAL_STATUS: Final = 999

_ODD: Final = "a header list with a name but no value"

HELLO: Final = Field(pb.Message, "hello")
FRAME: Final = Field(pb.Message, "frames")

MIN_VERSION: Final = Field(pb.Hello, "min_version")
MAX_VERSION: Final = Field(pb.Hello, "max_version")
WINDOW: Final = Field(pb.Hello, "window")
MAX_EXCHANGES: Final = Field(pb.Hello, "max_exchanges")
AGENT: Final = Field(pb.Hello, "agent")

EXCHANGE: Final = Field(pb.Frame, "exchange")
REQUEST: Final = Field(pb.Frame, "request")
INFORMATIONAL: Final = Field(pb.Frame, "informational")
RESPONSE: Final = Field(pb.Frame, "response")
ACCEPT: Final = Field(pb.Frame, "accept")
MESSAGE: Final = Field(pb.Frame, "message")
CLOSE: Final = Field(pb.Frame, "close")
RESET: Final = Field(pb.Frame, "reset")
CREDIT: Final = Field(pb.Frame, "credit")
DRAIN: Final = Field(pb.Frame, "drain")
DRAIN_NOTICE: Final = Field(pb.Drain, "notice")
BODY: Final = Field(pb.Frame, "body")
END: Final = Field(pb.Frame, "end")
TRAILERS: Final = Field(pb.Frame, "trailers")

METHOD: Final = Field(pb.Request, "method")
TARGET: Final = Field(pb.Request, "target")
ROOT_LENGTH: Final = Field(pb.Request, "root_length")
SCHEME: Final = Field(pb.Request, "scheme")
HTTP_VERSION: Final = Field(pb.Request, "http_version")
REQUEST_HEADERS: Final = Field(pb.Request, "headers")
ITEMS: Final = Field(pb.Fields, "items")
CLIENT_HOST: Final = Field(pb.Request, "client_host")
CLIENT_PORT: Final = Field(pb.Request, "client_port")
SERVER_HOST: Final = Field(pb.Request, "server_host")
SERVER_PORT: Final = Field(pb.Request, "server_port")
WEBSOCKET: Final = Field(pb.Request, "websocket")
TAKES_TRAILERS: Final = Field(pb.Request, "trailers")
TAKES_EARLY_HINTS: Final = Field(pb.Request, "early_hints")
REQUEST_ID: Final = Field(pb.Request, "request_id")

STATUS: Final = Field(pb.Response, "status")
RESPONSE_HEADERS: Final = Field(pb.Response, "headers")
HAS_TRAILERS: Final = Field(pb.Response, "trailers")

ACCEPT_HEADERS: Final = Field(pb.Accept, "headers")
SUBPROTOCOL: Final = Field(pb.Accept, "subprotocol")

DATA: Final = Field(pb.WebSocketMessage, "data")
TEXT: Final = Field(pb.WebSocketMessage, "text")
MORE: Final = Field(pb.WebSocketMessage, "more")

CLOSE_CODE: Final = Field(pb.Close, "code")
CLOSE_REASON: Final = Field(pb.Close, "reason")

RESET_CODE: Final = Field(pb.Reset, "code")
RESET_REASON: Final = Field(pb.Reset, "reason")

SMALLEST_KNOWN: Final = 48
"""Bytes below which a block is read faster than it is looked up."""
LARGEST_KNOWN: Final = 4096
"""Bytes above which heads are not remembered."""
MOST_KNOWN: Final = 512
"""How many of each kind are remembered, a few megabytes at the most; then the older half is forgotten."""

_ALONE: Final = 0
_HEAD: Final = 1
_BODY: Final = 2
_END: Final = 3


_END_ALONE: Final = End()
_blocks: Final[dict[bytes, list[tuple[bytes, bytes]]]] = {}
_responses: Final[dict[bytes, Response]] = {}


def encode(parts: Iterable[Addressed]) -> bytes:
    """One message with all parts, in order; a hello comes first and has the number 0."""
    pieces: list[bytes] = []
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
            pieces.append(b"")
            put_number(pieces, EXCHANGE, id)
        _encode_part(pieces, part)
        last = place or _END
    if frame >= 0:
        enclose(pieces, frame, FRAME)
    return b"".join(pieces)


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
        pieces.append(CREDIT.start + varint(part.amount))
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
        if common.encoded is None:
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


def decode(data: bytes) -> list[Addressed]:
    """The parts of a message, in order. What makes no sense becomes `Invalid`, for the core to judge.

    Raises:
        RemoteProtocolError: the bytes are no message.
    """
    parts: list[Addressed] = []
    decode_into(parts, data)
    return parts


def decode_into(parts: list[Addressed], data: bytes) -> int:
    """As `decode`; returns how many fields were read, which is what it cost."""
    reader = Reader(data)
    size = len(data)
    frames = 0
    try:
        while reader.position < size:
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
    while reader.position < end:
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
                headers = headers + block if headers else block
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
    known = _blocks.get(data)
    if known is not None:
        return known
    reader = Reader(data, outer.fields_left)
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
    if len(known) >= MOST_KNOWN:
        for old in list(known)[: MOST_KNOWN // 2]:
            del known[old]
    known[data] = meaning


def _known_response(outer: Reader) -> TunnelPart:
    """A response head; one that came before, as the same bytes, is the same object."""
    data = outer.data()
    known = _responses.get(data)
    if known is not None:
        return known
    reader = Reader(data, outer.fields_left)
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
