"""A client of one plugin, in its process: requests, streams both ways, and WebSockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import quote

from mattermost_plugin.asgi import ASGIAdapter
from mattermost_plugin.exchange import Accept, Body, End, Request
from mattermost_plugin.exchange import Response as Head
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.testing.bodies import File
from mattermost_plugin.testing.bodies import content as content_of
from mattermost_plugin.testing.errors import WebSocketRefused
from mattermost_plugin.testing.responses import Response, ResponseStream, next_part, response_of
from mattermost_plugin.testing.serving import Call, serving
from mattermost_plugin.testing.websocket import WebSocket

TIMEOUT = 10.0
"""Seconds that a plugin has for each step of an exchange."""
HOST = "testserver"
CLIENT = ("127.0.0.1", 50000)
RESERVED = "%/:?[]@!$&'()*+,;="
"""What has a meaning in a path or a query, and is sent as it is."""
USER_ID = "mattermost-user-id"
"""The header by which a gateway tells who sends a request."""


class Upload:
    """A request whose body the test sends piece by piece, while it reads the response or before.

    Args:
        call: what carries it.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._response: ResponseStream | None = None

    async def send(self, piece: bytes) -> None:
        """Send a piece of the body; waits while the plugin does not keep up.

        Raises:
            ConnectionError: the plugin takes no more of the request, because it has answered or broken off.
        """
        if not piece:
            return
        try:
            await self._call.send(Body(piece))
        except ExchangeReset:
            raise ConnectionError("the plugin takes no more of the request") from None

    async def end(self) -> None:
        """The body is complete."""
        with suppress(ExchangeReset):  # the plugin has answered without it
            await self._call.send(End())

    async def response(self) -> ResponseStream:
        """The response, once it has begun, which may be before the end of the request.

        Raises:
            BrokenResponse: the plugin gave none.
        """
        self._response = self._response or await response_of(self._call)
        return self._response

    def disconnect(self) -> None:
        """Go away in the middle of the request; the plugin is told so."""
        self._call.leave()


class PluginClient:
    """Speaks to a plugin as the gateway does, through the same ASGI adapter, without sockets.

    Paths are those of the plugin, without the prefix under which a gateway has it; they may have a query. Every wait
    raises TimeoutError after `timeout` seconds, so that a plugin that hangs does not hang the test.

    Args:
        adapter: what serves the plugin.
        root: the prefix at which the plugin thinks that it is.
        headers: sent with each request.
        timeout: seconds that the plugin has for each step.
    """

    def __init__(
        self, adapter: ASGIAdapter, root: str = "", headers: Mapping[str, str] | None = None, timeout: float = TIMEOUT
    ) -> None:
        self.headers = dict(headers or {})
        self.timeout = timeout
        self._adapter = adapter
        self._root = root

    def as_user(self, user_id: str) -> PluginClient:
        """A client like this one, of a user who is logged in: the plugin is told so in `Mattermost-User-Id`."""
        return PluginClient(self._adapter, self._root, self.headers | {USER_ID: user_id}, self.timeout)

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
        json: Any = None,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, File] | None = None,
    ) -> Response:
        """Send a request, and wait for the whole response.

        Args:
            method: GET, POST, …
            path: with its query, if any.
            headers: beside the client's.
            body: a text is sent as UTF-8.
            json: a value whose JSON is the body instead.
            data: the fields of a form, by name, which is the body instead.
            files: its files, by the names of their fields: `{"photo": ("me.png", b"…")}`.

        Raises:
            ValueError: it is to have more than one body.
            BrokenResponse: the plugin broke off.
            TimeoutError: it sends nothing.
        """
        async with self.stream(method, path, headers=headers, body=body, json=json, data=data, files=files) as response:
            return await response.read()

    async def get(self, path: str, **options: Any) -> Response:
        """GET; the options are those of `request`."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Response:
        """POST; the options are those of `request`."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Any) -> Response:
        """PUT; the options are those of `request`."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Any) -> Response:
        """PATCH; the options are those of `request`."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> Response:
        """DELETE; the options are those of `request`."""
        return await self.request("DELETE", path, **options)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
        json: Any = None,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, File] | None = None,
    ) -> AsyncIterator[ResponseStream]:
        """Send a request, and read the response as it comes. At the end of the block the client leaves.

        Arguments and errors are those of `request`.
        """
        content, more = content_of(body, json, data, files)
        request = self._request(method, path, more | dict(headers or {}))
        async with serving(self._adapter, request, self.timeout) as call:
            upload = Upload(call)
            await upload.send(content)
            await upload.end()
            yield await upload.response()

    @asynccontextmanager
    async def upload(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Upload]:
        """Begin a request whose body the test sends. At the end of the block the client leaves."""
        async with serving(self._adapter, self._request(method, path, headers or {}), self.timeout) as call:
            yield Upload(call)

    @asynccontextmanager
    async def websocket(
        self, path: str, *, headers: Mapping[str, str] | None = None, subprotocols: Sequence[str] = ()
    ) -> AsyncIterator[WebSocket]:
        """Open a WebSocket. At the end of the block it is cut off, unless it was closed.

        Raises:
            WebSocketRefused: the plugin answered with a response.
        """
        offer = {"sec-websocket-protocol": ", ".join(subprotocols)} if subprotocols else {}
        request = self._request("GET", path, offer | dict(headers or {}), websocket=True)
        async with serving(self._adapter, request, self.timeout) as call:
            part = await next_part(call)
            if isinstance(part, Head):
                raise WebSocketRefused(await ResponseStream(call, part).read())
            assert isinstance(part, Accept), f"a plugin sends no {type(part).__name__} here"
            yield WebSocket(call, part)

    def _request(self, method: str, path: str, headers: Mapping[str, str], websocket: bool = False) -> Request:
        named = {name.lower(): value for name, value in ({"host": HOST} | self.headers | dict(headers)).items()}
        return Request(
            method,
            f"{self._root}{quote(path, safe=RESERVED)}".encode("ascii"),
            len(self._root),
            [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()],
            client=CLIENT,
            server=(HOST, 80),
            websocket=websocket,
            trailers=not websocket,
            early_hints=not websocket,
        )
