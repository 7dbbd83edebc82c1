"""Heads of requests and responses as the contract has them, `ServeHTTPRequestInit` and `ServeHTTPResponseInit`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from mattermost_plugin.exchange import Address, Headers, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.grpc import hooks_common_pb2, hooks_http_pb2

UNKNOWN_LENGTH = -1

FINAL_STATUSES = range(200, 1000)


def encode_request(request: Request) -> hooks_http_pb2.ServeHTTPRequestInit:
    """A request head as the contract has it: `url` is below the mount prefix, `request_uri` is what the client sent."""
    major, _, minor = request.http_version.partition(".")
    length = request.header(b"content-length")
    return hooks_http_pb2.ServeHTTPRequestInit(
        plugin_context=_plugin_context(request),
        method=request.method,
        url=_text(request.target[request.root_length :]) or "/",
        proto=f"HTTP/{major}.{minor or 0}",
        proto_major=int(major),
        proto_minor=int(minor or 0),
        headers=_encode_headers(_contract_headers(request)),
        host=_text(request.header(b"host") or b""),
        remote_addr=_join_address(request.client),
        request_uri=_text(request.target),
        content_length=int(length) if length is not None else (UNKNOWN_LENGTH if _may_have_body(request) else 0),
    )


def decode_request(init: hooks_http_pb2.ServeHTTPRequestInit) -> Request:
    """The request that a host's `init` describes."""
    target, root_length = _mount(init.request_uri.encode(), init.url.encode())
    headers = _decode_headers(init.headers)
    names = {name for name, _ in headers}
    if init.host and b"host" not in names:
        headers.insert(0, (b"host", init.host.encode()))
    if init.content_length > 0 and b"content-length" not in names:
        headers.append((b"content-length", b"%d" % init.content_length))
    forwarded_scheme = next((value for name, value in headers if name == b"x-forwarded-proto"), b"")
    return Request(
        init.method or "GET",
        target,
        root_length,
        headers,
        scheme="https" if forwarded_scheme == b"https" else "http",
        http_version=_http_version(init.proto_major, init.proto_minor),
        client=_split_address(init.remote_addr),
        server=_split_address(init.host),
        request_id=init.plugin_context.request_id.encode(),
    )


def response_head(response: Response) -> hooks_http_pb2.ServeHTTPResponseInit:
    """A response head as the contract has it."""
    return hooks_http_pb2.ServeHTTPResponseInit(status_code=response.status, headers=_encode_headers(response.headers))


def decode_response(init: hooks_http_pb2.ServeHTTPResponseInit) -> Response:
    """The response head that a plugin's `init` describes; no status means 200.

    Raises:
        ExchangeReset: the status is no final one.
    """
    status = init.status_code or 200
    if status not in FINAL_STATUSES:
        raise ExchangeReset(ResetCode.PROTOCOL, f"the plugin answered with the impossible status {status}")
    return Response(status, _decode_headers(init.headers))


def _mount(request_uri: bytes, url: bytes) -> tuple[bytes, int]:
    """Target and root length: what `request_uri` has in front of `url` is where the plugin is mounted."""
    path = url.partition(b"?")[0]
    full = request_uri.partition(b"?")[0]
    if full.endswith(path) and path.startswith(b"/"):
        return request_uri, len(full) - len(path)
    return url or b"/", 0


def _encode_headers(headers: Headers) -> list[hooks_http_pb2.HTTPHeader]:
    """Headers as the contract has them: one entry a name, in Go's canonical case, with all its values."""
    grouped: dict[bytes, list[str]] = {}
    for name, value in headers:
        grouped.setdefault(name, []).append(_text(value))
    return [hooks_http_pb2.HTTPHeader(key=_canonical(name), values=values) for name, values in grouped.items()]


def _decode_headers(headers: Any) -> list[tuple[bytes, bytes]]:
    return [(header.key.lower().encode(), value.encode()) for header in headers for value in header.values]


def _canonical(name: bytes) -> str:
    return "-".join(word.capitalize() for word in _text(name).split("-"))


def _plugin_context(request: Request) -> hooks_common_pb2.PluginContext:
    return hooks_common_pb2.PluginContext(
        request_id=_text(request.request_id or request.header(b"x-request-id") or b""),
        ip_address=request.client[0] if request.client else "",
        accept_language=_text(request.header(b"accept-language") or b""),
        user_agent=_text(request.header(b"user-agent") or b""),
    )


def _contract_headers(request: Request) -> Headers:
    """The headers without Host, which has its own field, and with the scheme, which has none: it goes by the header
    that proxies use for it."""
    secure = request.scheme == "https"
    replaced = (b"host", b"x-forwarded-proto") if secure else (b"host",)
    headers = [header for header in request.headers if header[0] not in replaced]
    return [*headers, (b"x-forwarded-proto", b"https")] if secure else headers


def _may_have_body(request: Request) -> bool:
    """Without a content-length the framing that would tell has been removed; the method is the best guess left."""
    return request.method not in ("GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "CONNECT")


def _http_version(major: int, minor: int) -> str:
    if not major:
        return "1.1"
    return f"{major}.{minor}" if major == 1 else str(major)


def _text(value: bytes) -> str:
    """Protobuf strings are UTF-8; a value that is not goes as Latin-1, the only other thing it can be in HTTP."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _join_address(address: Address | None) -> str:
    if address is None:
        return ""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split_address(text: str) -> Address | None:
    try:
        parts = urlsplit(f"//{text}")
        return (parts.hostname, parts.port or 0) if parts.hostname else None
    except ValueError:
        return None
