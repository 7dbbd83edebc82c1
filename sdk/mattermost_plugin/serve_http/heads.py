"""Heads of requests and responses as the contract has them, `ServeHTTPRequestInit` and `ServeHTTPResponseInit`."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from mattermost_plugin.exchange import Address, Headers, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset

UNKNOWN_LENGTH: Final = -1
FIRST_FINAL: Final = 200
LAST_FINAL: Final = 999
MOST_NAMES: Final = 512
"""Names of headers whose canonical form is remembered."""
BODILESS_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "CONNECT"))

Entries = list[tuple[bytes, list[bytes]]]
"""Headers as the contract has them: one entry a name, with all its values."""

_names: Final[dict[bytes, bytes]] = {}


class ContractHead:
    """A request head as the contract has it; what is a string there is UTF-8 here.

    Attributes:
        url: target below the mount prefix.
        request_uri: target as the client sent it.
        content_length: -1 where it is not known.
        request_id, ip_address, accept_language, user_agent: of the plugin context.
    """

    __slots__ = (
        "accept_language",
        "content_length",
        "headers",
        "host",
        "ip_address",
        "method",
        "proto",
        "proto_major",
        "proto_minor",
        "remote_addr",
        "request_id",
        "request_uri",
        "url",
        "user_agent",
    )

    def __init__(self) -> None:
        self.method = b""
        self.url = b""
        self.proto = b""
        self.proto_major = 0
        self.proto_minor = 0
        self.headers: Entries = []
        self.host = b""
        self.remote_addr = b""
        self.request_uri = b""
        self.content_length = 0
        self.request_id = b""
        self.ip_address = b""
        self.accept_language = b""
        self.user_agent = b""


def contract_head(request: Request) -> ContractHead:
    """A request head as the contract has it."""
    head = ContractHead()
    major, _, minor = request.http_version.partition(".")
    length = request.header(b"content-length")
    head.method = request.method.encode()
    head.url = url_below(request)
    head.proto = f"HTTP/{major}.{minor or 0}".encode()
    head.proto_major = int(major)
    head.proto_minor = int(minor or 0)
    head.headers = entries(_contract_headers(request))
    head.host = utf8(request.header(b"host") or b"")
    head.remote_addr = _join_address(request.client).encode()
    head.request_uri = utf8(request.target)
    head.content_length = int(length) if length is not None else _unknown_length(request.method)
    head.request_id = utf8(request.request_id or request.header(b"x-request-id") or b"")
    head.ip_address = request.client[0].encode() if request.client else b""
    head.accept_language = utf8(request.header(b"accept-language") or b"")
    head.user_agent = utf8(request.header(b"user-agent") or b"")
    return head


def url_below(request: Request) -> bytes:
    """The target below the mount prefix."""
    return utf8(request.target[request.root_length :]) or b"/"


def request_of(head: ContractHead) -> Request:
    """The request that a host describes."""
    target, root_length = _mount(head.request_uri, head.url)
    headers = pairs(head.headers)
    names = {name for name, _ in headers}
    if head.host and b"host" not in names:
        headers.insert(0, (b"host", head.host))
    if head.content_length > 0 and b"content-length" not in names:
        headers.append((b"content-length", b"%d" % head.content_length))
    forwarded_scheme = b""
    for name, value in headers:
        if name == b"x-forwarded-proto":
            forwarded_scheme = value
            break
    return Request(
        head.method.decode() or "GET",
        target,
        root_length,
        headers,
        scheme="https" if forwarded_scheme == b"https" else "http",
        http_version=_http_version(head.proto_major, head.proto_minor),
        client=_split_address(head.remote_addr.decode()),
        server=_split_address(head.host.decode()),
        request_id=head.request_id,
    )


def response_of(status: int, headers: Entries) -> Response:
    """The response that a plugin describes; no status means 200.

    Raises:
        ExchangeReset: the status is no final one.
    """
    status = status or FIRST_FINAL
    if not FIRST_FINAL <= status <= LAST_FINAL:
        raise ExchangeReset(ResetCode.PROTOCOL, f"the plugin answered with the impossible status {status}")
    return Response(status, pairs(headers))


def entries(headers: Headers) -> Entries:
    """Headers as the contract has them, names in Go's canonical case."""
    grouped: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values = grouped.get(name)
        if values is None:
            grouped[name] = [utf8(value)]
        else:
            values.append(utf8(value))
    return [(canonical(name), values) for name, values in grouped.items()]


def pairs(headers: Entries) -> list[tuple[bytes, bytes]]:
    """Headers as exchanges have them."""
    return [(key.lower(), value) for key, values in headers for value in values]


def canonical(name: bytes) -> bytes:
    """A header's name as Go writes it."""
    known = _names.get(name)
    if known is None:
        known = utf8(b"-".join([word.capitalize() for word in name.split(b"-")]))
        if len(_names) >= MOST_NAMES:
            _names.clear()
        _names[name] = known
    return known


def utf8(value: bytes) -> bytes:
    """Protobuf strings are UTF-8; a value that is not goes as Latin-1, the only other thing it can be in HTTP."""
    if value.isascii():
        return value
    try:
        value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1").encode()
    return value


def _mount(request_uri: bytes, url: bytes) -> tuple[bytes, int]:
    """Target and root length: what `request_uri` has in front of `url` is where the plugin is mounted."""
    path = url.partition(b"?")[0]
    full = request_uri.partition(b"?")[0]
    if full.endswith(path) and path.startswith(b"/"):
        return request_uri, len(full) - len(path)
    return url or b"/", 0


def _contract_headers(request: Request) -> Headers:
    """The headers without Host, which has its own field, and with the scheme, which has none: it goes by the header
    that proxies use for it."""
    secure = request.scheme == "https"
    headers = [
        header
        for header in request.headers
        if header[0] != b"host" and not (secure and header[0] == b"x-forwarded-proto")
    ]
    if secure:
        headers.append((b"x-forwarded-proto", b"https"))
    return headers


def _unknown_length(method: str) -> int:
    """Without a content-length the framing that would tell has been removed; the method is the best guess left."""
    return 0 if method in BODILESS_METHODS else UNKNOWN_LENGTH


def _http_version(major: int, minor: int) -> str:
    if not major:
        return "1.1"
    return f"{major}.{minor}" if major == 1 else str(major)


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
