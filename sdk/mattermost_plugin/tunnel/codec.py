"""Parts to protobuf messages and back; the only file of the tunnel that knows protobuf.

Consecutive parts of one exchange share a frame where docs/protocol.md §3 allows it: a head, a piece of body, the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mattermost_plugin.exchange import (
    Accept,
    Body,
    Close,
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
from mattermost_plugin.tunnel.parts import Addressed, Credit, Drain, Hello, Invalid, TunnelPart

FINAL_STATUSES = range(200, 1000)
INTERIM_STATUSES = frozenset(range(100, 200)) - {101}


def encode_hello(hello: Hello) -> pb.Message:
    """The first message of each side."""
    return pb.Message(
        hello=pb.Hello(
            min_version=hello.min_version,
            max_version=hello.max_version,
            window=hello.window,
            max_exchanges=hello.max_exchanges,
            agent=hello.agent,
        )
    )


def decode_hello(message: pb.Message) -> Hello | None:
    """The hello in a message, if it has one."""
    if not message.HasField("hello"):
        return None
    hello = message.hello
    return Hello(hello.window, hello.max_exchanges, hello.agent, hello.min_version, hello.max_version)


def encode(parts: Iterable[Addressed]) -> pb.Message:
    """One message with all parts, in order."""
    message = pb.Message()
    frame: pb.Frame | None = None
    for id, part in parts:
        if frame is None or frame.exchange != id or not _joins(frame, part):
            frame = message.frames.add(exchange=id)
        _ENCODERS[type(part)](frame, part)
    return message


def _joins(frame: pb.Frame, part: TunnelPart) -> bool:
    """Whether a part may follow what a frame holds already."""
    if frame.end or frame.WhichOneof("kind") not in (None, "request", "response"):
        return False
    return isinstance(part, End) or (isinstance(part, Body) and not frame.body)


def decode(message: pb.Message) -> Iterator[Addressed]:
    """The parts of a message, in order. What makes no sense becomes `Invalid`, for the core to judge."""
    for frame in message.frames:
        id = frame.exchange
        kind = frame.WhichOneof("kind")
        if kind is not None:
            yield id, _DECODERS[kind](frame)
        if frame.body:
            yield id, Body(frame.body)
        if frame.end:
            yield id, _decode_end(frame)


def _flat(headers: Headers) -> list[bytes]:
    return [item for header in headers for item in header]


def _pairs(flat: Iterable[bytes]) -> list[tuple[bytes, bytes]] | None:
    """Names and values in turn, as pairs; None when one is left over."""
    items = list(flat)
    if len(items) % 2:
        return None
    return list(zip(items[::2], items[1::2], strict=True))


_ODD = Invalid("a header list with a name but no value")


def _encode_request(frame: pb.Frame, part: Request) -> None:
    client = part.client or ("", 0)
    server = part.server or ("", 0)
    request = frame.request
    request.method = part.method
    request.target = part.target
    request.root_length = part.root_length
    request.scheme = part.scheme
    request.http_version = part.http_version
    request.headers.extend(_flat(part.headers))
    request.client_host, request.client_port = client
    request.server_host, request.server_port = server
    if part.websocket:
        request.websocket = True
    if part.trailers:
        request.trailers = True
    if part.early_hints:
        request.early_hints = True


def _decode_request(frame: pb.Frame) -> TunnelPart:
    request = frame.request
    headers = _pairs(request.headers)
    if headers is None:
        return Invalid(_ODD.reason, opens=True)
    if not request.method or request.root_length > len(request.target):
        return Invalid("a request without a method, or with a root longer than its target", opens=True)
    return Request(
        request.method,
        request.target,
        request.root_length,
        headers,
        request.scheme,
        request.http_version,
        (request.client_host, request.client_port) if request.client_host else None,
        (request.server_host, request.server_port) if request.server_host else None,
        request.websocket,
        request.trailers,
        request.early_hints,
    )


def _encode_informational(frame: pb.Frame, part: Informational) -> None:
    frame.informational.status = part.status
    frame.informational.headers.extend(_flat(part.headers))


def _decode_informational(frame: pb.Frame) -> TunnelPart:
    headers = _pairs(frame.informational.headers)
    if headers is None:
        return _ODD
    if frame.informational.status not in INTERIM_STATUSES:
        return Invalid(f"an interim response with status {frame.informational.status}")
    return Informational(frame.informational.status, headers)


def _encode_response(frame: pb.Frame, part: Response) -> None:
    response = frame.response
    response.status = part.status
    response.headers.extend(_flat(part.headers))
    if part.trailers:
        response.trailers = True


def _decode_response(frame: pb.Frame) -> TunnelPart:
    response = frame.response
    headers = _pairs(response.headers)
    if headers is None:
        return _ODD
    if response.status not in FINAL_STATUSES:
        return Invalid(f"a response with status {response.status}")
    return Response(response.status, headers, response.trailers)


def _encode_body(frame: pb.Frame, part: Body) -> None:
    frame.body = part.data


def _encode_end(frame: pb.Frame, part: End) -> None:
    frame.end = True
    if part.trailers:
        frame.trailers.extend(_flat(part.trailers))


def _decode_end(frame: pb.Frame) -> TunnelPart:
    if not frame.trailers:
        return End()
    trailers = _pairs(frame.trailers)
    return _ODD if trailers is None else End(trailers)


def _encode_accept(frame: pb.Frame, part: Accept) -> None:
    frame.accept.CopyFrom(pb.Accept(headers=_flat(part.headers), subprotocol=part.subprotocol))


def _decode_accept(frame: pb.Frame) -> TunnelPart:
    headers = _pairs(frame.accept.headers)
    return _ODD if headers is None else Accept(headers, frame.accept.subprotocol)


def _encode_message(frame: pb.Frame, part: Message) -> None:
    frame.message.CopyFrom(pb.WebSocketMessage(data=part.data, text=part.text, more=part.more))


def _decode_message(frame: pb.Frame) -> TunnelPart:
    message = frame.message
    return Message(message.data, message.text, message.more)


def _encode_close(frame: pb.Frame, part: Close) -> None:
    frame.close.CopyFrom(pb.Close(code=part.code, reason=part.reason))


def _decode_close(frame: pb.Frame) -> TunnelPart:
    return Close(frame.close.code, frame.close.reason)


def _encode_reset(frame: pb.Frame, part: Reset) -> None:
    frame.reset.CopyFrom(pb.Reset(code=pb.ResetCode.ValueType(part.code), reason=part.reason))


def _decode_reset(frame: pb.Frame) -> TunnelPart:
    try:
        code = ResetCode(frame.reset.code)
    except ValueError:  # a code of a later version: what matters is that the exchange is over
        code = ResetCode.INTERNAL
    return Reset(code, frame.reset.reason)


def _encode_credit(frame: pb.Frame, part: Credit) -> None:
    frame.credit = part.amount


def _decode_credit(frame: pb.Frame) -> TunnelPart:
    return Credit(frame.credit)


def _encode_drain(frame: pb.Frame, part: Drain) -> None:
    frame.drain.SetInParent()


def _decode_drain(frame: pb.Frame) -> TunnelPart:
    return Drain()


_ENCODERS: dict[type, Callable[[pb.Frame, Any], None]] = {  # Any: each takes the type that is its key
    Request: _encode_request,
    Informational: _encode_informational,
    Response: _encode_response,
    Body: _encode_body,
    End: _encode_end,
    Accept: _encode_accept,
    Message: _encode_message,
    Close: _encode_close,
    Reset: _encode_reset,
    Credit: _encode_credit,
    Drain: _encode_drain,
}

_DECODERS: dict[str, Callable[[pb.Frame], TunnelPart]] = {
    "request": _decode_request,
    "informational": _decode_informational,
    "response": _decode_response,
    "accept": _decode_accept,
    "message": _decode_message,
    "close": _decode_close,
    "reset": _decode_reset,
    "credit": _decode_credit,
    "drain": _decode_drain,
}
