"""The request that a handler of the ServeHTTP hook gets, made from an ASGI scope and `receive`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from mattermost_plugin.exchange import Request
from mattermost_plugin.grpc.hooks_common_pb2 import PluginContext
from mattermost_plugin.request_id import request_id_of
from mattermost_plugin.serve_http.heads import contract_head
from mattermost_plugin.serve_http.thread_bridge import ThreadBridge, client_gone
from mattermost_plugin.types import Receive, Scope

MAX_COLLECTED_BODY = 16 * 1024 * 1024
"""Bytes of a request body that is kept in memory as a whole."""


class BodyTooLarge(Exception):
    """The body is larger than what is kept in memory as a whole; the client gets 413."""


class RequestHead:
    """What a request says before its body."""

    def __init__(
        self,
        *,
        method: str = "GET",
        url: str = "/",
        proto: str = "HTTP/1.1",
        proto_major: int = 1,
        proto_minor: int = 1,
        headers: Mapping[str, list[str]] | None = None,
        host: str = "",
        remote_addr: str = "",
        request_uri: str = "",
        content_length: int = -1,
        plugin_context: PluginContext | None = None,
    ) -> None:
        self.method = method
        self.url = url
        """Path and query, without the prefix that the plugin is mounted at."""
        self.proto = proto
        self.proto_major = proto_major
        self.proto_minor = proto_minor
        self.headers = dict(headers or {})
        """Values by name; names as Go writes them, `Content-Type`."""
        self.host = host
        self.remote_addr = remote_addr
        """`address:port` of the client."""
        self.request_uri = request_uri
        """The target as the client sent it."""
        self.content_length = content_length
        """-1 when it is not known."""
        self.plugin_context = PluginContext() if plugin_context is None else plugin_context

    def get_header(self, name: str, default: str = "") -> str:
        """The first value of a header, whatever the case of its name."""
        return next(iter(self.get_all_headers(name)), default)

    def get_all_headers(self, name: str) -> list[str]:
        """All values of a header, whatever the case of its name."""
        wanted = name.lower()
        return [value for key, values in self.headers.items() if key.lower() == wanted for value in values]


class HTTPRequest(RequestHead):
    """A request whose body is there, or waited for: reading blocks, which only sync handlers may do.

    Args:
        body: the body, or an iterator over its pieces.
        head: the attributes.
    """

    def __init__(self, *, body: bytes | Iterator[bytes] = b"", **head: Any) -> None:
        super().__init__(**head)
        self._whole = body if isinstance(body, bytes) else None
        self._pieces = iter((body,)) if isinstance(body, bytes) else body
        self._unread = bytearray()
        self._reading = False

    @property
    def body(self) -> bytes:
        """The whole body.

        Raises:
            BodyTooLarge: it is larger than `MAX_COLLECTED_BODY`; `read` has no limit.
            OSError: the client went away before it was complete.
            RuntimeError: a part of it was read before, and is not kept.
        """
        if self._whole is None:
            if self._reading:
                raise RuntimeError("a part of the body was read before; take the rest with read()")
            self._whole = b"".join(_limited(self._pieces))
            self._pieces = iter((self._whole,))
        return self._whole

    def read(self, n: int = -1) -> bytes:
        """The next `n` bytes, fewer only at the end of the body; all that is left with a negative `n`.

        Raises:
            OSError: the client went away before the body was complete.
        """
        if n < 0:
            return b"".join(self)
        self._reading = True
        while len(self._unread) < n and (piece := next(self._pieces, None)) is not None:
            self._unread += piece
        data = bytes(self._unread[:n])
        del self._unread[:n]
        return data

    def __iter__(self) -> Iterator[bytes]:
        """The pieces of the body that were not read yet, as they arrive."""
        self._reading = True
        if self._unread:
            data = bytes(self._unread)
            self._unread.clear()
            yield data
        for piece in self._pieces:
            if piece:
                yield piece


class StreamingHTTPRequest(RequestHead):
    """A request whose body an async handler reads as it arrives.

    Args:
        pieces: the pieces of the body.
        head: the attributes.
    """

    def __init__(self, *, pieces: AsyncIterator[bytes], **head: Any) -> None:
        super().__init__(**head)
        self._pieces = pieces
        self._unread = bytearray()

    @property
    def body(self) -> bytes:
        """Not here.

        Raises:
            RuntimeError: always; a streaming handler reads.
        """
        raise RuntimeError("the handler streams: read the body with `await request.read()` or `async for`")

    async def read(self, n: int = -1) -> bytes:
        """The next `n` bytes, fewer only at the end of the body; all that is left with a negative `n`.

        Raises:
            OSError: the client went away before the body was complete.
        """
        if n < 0:
            return b"".join([piece async for piece in self])
        while len(self._unread) < n and (piece := await anext(self._pieces, None)) is not None:
            self._unread += piece
        data = bytes(self._unread[:n])
        del self._unread[:n]
        return data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces of the body that were not read yet, as they arrive."""
        if self._unread:
            data = bytes(self._unread)
            self._unread.clear()
            yield data
        async for piece in self._pieces:
            if piece:
                yield piece


def request_head(scope: Scope) -> dict[str, Any]:
    """The attributes of a request, made of what the contract would say about it."""
    head = contract_head(_request(scope))
    return {
        "method": head.method.decode(),
        "url": head.url.decode(),
        "proto": head.proto.decode(),
        "proto_major": head.proto_major,
        "proto_minor": head.proto_minor,
        "headers": {key.decode(): [value.decode() for value in values] for key, values in head.headers},
        "host": head.host.decode(),
        "remote_addr": head.remote_addr.decode(),
        "request_uri": head.request_uri.decode(),
        "content_length": head.content_length,
        "plugin_context": PluginContext(
            request_id=head.request_id.decode(),
            ip_address=head.ip_address.decode(),
            accept_language=head.accept_language.decode(),
            user_agent=head.user_agent.decode(),
        ),
    }


def _request(scope: Scope) -> Request:
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    root = quote(scope.get("root_path", "")).encode()
    query = scope["query_string"]
    client = scope.get("client")
    return Request(
        scope["method"],
        path + b"?" + query if query else path,
        len(root) if path.startswith(root) else 0,
        scope["headers"],
        http_version=scope["http_version"],
        client=(client[0], client[1]) if client else None,
        request_id=request_id_of(scope).encode(),
    )


async def body_pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The pieces of a request's body.

    Raises:
        OSError: the client went away before it was complete.
    """
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise client_gone()
        if piece := event.get("body", b""):
            yield piece
        more = event.get("more_body", False)


def blocking_pieces(pieces: AsyncIterator[bytes], bridge: ThreadBridge) -> Iterator[bytes]:
    """The pieces of a request's body for a thread, which waits for each."""

    async def following() -> bytes | None:
        return await anext(pieces, None)

    while (piece := bridge.run(following())) is not None:
        yield piece


async def collected(pieces: AsyncIterator[bytes], declared: int) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge: it is, or is declared to be, larger than `MAX_COLLECTED_BODY`.
        OSError: the client went away before it was complete.
    """
    remedy = "@hook(HookName.ServeHTTP, stream=True) lets the handler read it as it arrives"
    _check_size(declared, remedy)
    kept: list[bytes] = []
    size = 0
    async for piece in pieces:
        size += len(piece)
        _check_size(size, remedy)
        kept.append(piece)
    return b"".join(kept)


def _limited(pieces: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        _check_size(size, "read it in pieces with request.read(n) or by iterating over the request")
        yield piece


def _check_size(size: int, remedy: str) -> None:
    if size > MAX_COLLECTED_BODY:
        raise BodyTooLarge(f"the request body is larger than {MAX_COLLECTED_BODY} bytes; {remedy}")
