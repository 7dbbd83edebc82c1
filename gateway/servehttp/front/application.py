"""The HTTP side of the gateway, as an ASGI application: each request to its plugin, or an answer of our own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from mattermost_plugin.exchange import End, Exchange, Request
from mattermost_plugin.tunnel.errors import TunnelClosed
from mattermost_plugin.tunnel.multiplexer import TunnelExchange
from mattermost_plugin.types import Receive, Scope, Send
from servehttp.errors import LinkError
from servehttp.front import responses
from servehttp.front.access import Record
from servehttp.front.cached_head import CachedHead
from servehttp.front.cookies import CookieScopes
from servehttp.front.disconnect_signal import disconnect_signal_of
from servehttp.front.endings import ATTEMPTS
from servehttp.front.headers import RequestHeaders
from servehttp.front.health import Health
from servehttp.front.http import ForwardLimits, HTTPForward, Refused
from servehttp.front.identity import TooManyTokens, identify, identify_at_once, may_identify
from servehttp.front.peers import TrustedProxies
from servehttp.front.responses import Refusal
from servehttp.front.routing import Route, find_route
from servehttp.front.rules import ResponseRules
from servehttp.front.websocket import WebSocketForward, refuse_websocket
from servehttp.identity import Identity, IdentityUnavailable
from servehttp.plugins.host import API_ID
from servehttp.plugins.link import Link
from servehttp.plugins.registry import Registry
from servehttp.plugins.states import PluginState
from servehttp.request_rules import BadPath, check_path

RUNNING: Final = PluginState.RUNNING
COMING_UP: Final = frozenset((PluginState.QUEUED, PluginState.STARTING, PluginState.RESTARTING))
END: Final = End()
API_PREFIX: Final = API_ID.encode() + b"/"


class Rejected(Exception):
    """The request goes to no plugin; `refusal` is its answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """What the front needs to know beside its plugins."""

    limits: ForwardLimits
    max_exchanges: int
    trusted: TrustedProxies
    access_log: bool
    cookies: CookieScopes = field(default_factory=CookieScopes)


class Front:
    """Answers HTTP requests and WebSockets.

    Args:
        registry: the plugins.
        settings: limits and trust.
        identity: knows who sends requests; without it nobody does, and tokens are the plugins' own.
        has_api: whether there is an API below `API_ID`. Here it is a plugin of that id, if anything.
    """

    def __init__(
        self,
        registry: Registry,
        settings: FrontSettings,
        identity: Identity | None = None,
        *,
        has_api: bool = False,
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._identity = identity
        self._has_api = has_api
        self._health = Health(registry, identity)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for scopes "http" and "websocket"."""
        if scope["type"] == "http" and await self._health.answer(scope, send):
            return
        record = Record(scope.get("method", "WEBSOCKET"), _raw_path(scope))
        request = self._request(scope, record)
        try:
            if request.websocket:
                await self._websocket(scope, request, receive, send, record)
            else:
                await self._http(scope, request, receive, send, record)
        finally:
            if self._settings.access_log:
                record.log()

    def announce_drain(self) -> None:
        """Tell every plugin that serves HTTP that its gateway is about to stop."""
        for plugin in self._registry:
            if plugin.link is not None:
                plugin.link.announce_drain()

    # The API

    def is_api(self, scope: Scope) -> bool:
        """Whether a request is for the API."""
        path = _raw_path(scope)
        return self._has_api and path.startswith(API_PREFIX, _root_length(scope, path))

    def as_proxies_say(self, scope: Scope) -> Scope:
        """A request with its client and scheme as trusted proxies report them."""
        proxies, client = self._settings.trusted, _address(scope.get("client"))
        if not proxies.trusts_peer(client):
            return scope
        client, scheme = proxies.resolve(client, scope["scheme"], scope["headers"])
        return {**scope, "client": client, "scheme": scheme if scope["type"] == "http" else scope["scheme"]}

    # The request

    def _request(self, scope: Scope, record: Record) -> Request:
        raw_path, query = _raw_path(scope), scope["query_string"]
        extensions = scope.get("extensions") or {}
        request = Request(
            method=scope.get("method", "GET"),
            target=raw_path + b"?" + query if query else raw_path,
            root_length=_root_length(scope, raw_path),
            headers=scope["headers"],
            scheme=_http_scheme(scope["scheme"]),
            http_version=scope["http_version"],
            client=_address(scope.get("client")),
            server=_address(scope.get("server")),
            websocket=scope["type"] == "websocket",
            trailers="http.response.trailers" in extensions,
            early_hints="http.response.early_hint" in extensions,
        )
        self._clean(request, record, self._headers(request))
        if request.websocket:
            _restore_subprotocols(scope, request)
        return request

    def _clean(self, request: Request, record: Record, headers: RequestHeaders) -> None:
        """Leave of a request as it came in what may pass on."""
        record.request_id = headers.apply(request)
        record.client = request.client[0] if request.client else ""

    def _headers(self, request: Request) -> RequestHeaders:
        """What may pass of a request's headers, after what trusted proxies say in them was heeded."""
        proxies = self._settings.trusted
        trusted = proxies.trusts_peer(request.client)
        headers = RequestHeaders(request.headers, trusted=trusted)
        if trusted:
            request.client, request.scheme = proxies.resolve(request.client, request.scheme, headers.common.fields)
        return headers

    # The plugin

    def _route(self, request: Request, record: Record) -> Route:
        """Where a request goes; from here on its root is the plugin's."""
        if self._has_api and record.path.startswith(API_PREFIX, request.root_length):
            record.plugin_id = API_ID
            return Route(API_ID, request.root_length)
        try:
            route = find_route(record.path, request.root_length)
        except BadPath as error:
            raise Rejected(responses.bad_path(str(error))) from None
        if route is None:
            raise Rejected(responses.not_found())
        record.plugin_id = route.plugin_id
        request.root_length = route.root_length
        return route

    def _route_again(self, record: Record, cached: CachedHead) -> None:
        """Route a request whose head is cached: it is for the plugin of the one before it."""
        record.plugin_id = cached.plugin_id
        try:
            check_path(record.path)
        except BadPath as error:
            raise Rejected(responses.bad_path(str(error))) from None

    def _link(self, plugin_id: str) -> Link:
        """The connection to a plugin that serves HTTP now."""
        plugin = self._registry.get(plugin_id)
        if plugin is None:
            raise Rejected(responses.not_found(plugin_id))
        link, state = plugin.link, plugin.state
        if state is RUNNING and link is not None and link.serves_http:
            return link
        if state in COMING_UP or (state is RUNNING and link is None):
            raise Rejected(responses.unavailable(plugin_id, f"the plugin is {state.value}"))
        raise Rejected(responses.not_found(plugin_id))

    def _check_room(self, plugin_id: str, in_flight: int) -> None:
        if in_flight >= self._settings.max_exchanges:
            raise Rejected(responses.unavailable(plugin_id, "the plugin is busy: too many requests are open"))

    async def _open(self, plugin_id: str, request: Request) -> Exchange:
        for _ in range(ATTEMPTS):
            link = self._link(plugin_id)
            self._check_room(plugin_id, link.in_flight)
            try:
                return await link.open(request)
            except LinkError:
                continue
        raise Rejected(responses.takes_none(plugin_id))

    # HTTP

    def admit(
        self, request: Request, record: Record, cached: CachedHead | None, *, has_body: bool
    ) -> RequestHeaders | None:
        """Make a request that came in ready for its plugin.

        Args:
            known: what made the request, if its head was known.
            has_body: whether a body follows.

        Returns:
            What became of its headers; None where only the ASGI application can answer it.

        Raises:
            Rejected: it goes to no plugin.
        """
        headers = self._headers(request) if cached is None else cached.headers
        self._clean(request, record, headers)
        if cached is None:
            self._route(request, record)
        else:
            self._route_again(record, cached)
        if request.root_length == len(record.path):
            return None
        if has_body:
            self._check_length(request, record.plugin_id)
        return headers if self._identify_at_once(request, headers, has_body=has_body) else None

    def _identify_at_once(self, request: Request, headers: RequestHeaders, *, has_body: bool) -> bool:
        identity = self._identity
        if identity is None or not may_identify(headers, request.target):
            return True
        return identify_at_once(request, identity, has_body=has_body)

    async def _identify(self, request: Request, receive: Receive, plugin_id: str) -> Receive:
        if self._identity is None or plugin_id == API_ID:  # that looks at tokens itself
            return receive
        try:
            return await identify(request, self._identity, receive)
        except IdentityUnavailable:
            raise Rejected(responses.unknown_caller(plugin_id)) from None
        except TooManyTokens as error:
            raise Rejected(responses.too_many_tokens(plugin_id, str(error))) from None

    def begin(self, request: Request, plugin_id: str, *, complete: bool) -> TunnelExchange | None:
        """Begin the exchange of an admitted request without waiting; None where that cannot be.

        Args:
            complete: whether nothing follows the head.

        Raises:
            Rejected: the plugin takes none.
        """
        multiplexer = self._link(plugin_id).multiplexer
        if multiplexer is None:
            return None
        self._check_room(plugin_id, multiplexer.in_flight)
        try:
            return multiplexer.open(request, END) if complete else multiplexer.open(request)
        except TunnelClosed:
            return None

    @property
    def settings(self) -> FrontSettings:
        """What the front was made with."""
        return self._settings

    async def _http(self, scope: Scope, request: Request, receive: Receive, send: Send, record: Record) -> None:
        try:
            route = self._route(request, record)
            if route.root_length == len(record.path):
                raise Rejected(_add_slash(request, route))
            self._check_length(request, route.plugin_id)
            receive = await self._identify(request, receive, route.plugin_id)
            await self._forward(scope, request, receive, send, record)
            return
        except Rejected as rejected:
            refusal = rejected.refusal
        record.begin_response(refusal.status)
        await refusal.send(send, record.request_id)

    async def _forward(self, scope: Scope, request: Request, receive: Receive, send: Send, record: Record) -> None:
        has_body, signal = _has_body(scope), disconnect_signal_of(scope)
        for attempt in itertools.count(1):
            exchange = await self._open(record.plugin_id, request)
            rules = ResponseRules(request, record.plugin_id, self._settings.cookies)
            forward = HTTPForward(
                exchange, receive, send, self._settings.limits, record, rules, has_body=has_body, attempts=attempt
            )
            if signal is not None:
                signal.subscribe(forward.leave)
            try:
                await forward.run()
            except Refused:
                continue
            return

    def _check_length(self, request: Request, plugin_id: str) -> None:
        limit = self._settings.limits.max_body_size
        length = request.header(b"content-length")
        if limit and length and length.isdigit() and int(length) > limit:
            raise Rejected(responses.body_too_large(plugin_id, limit))

    # WebSocket

    async def _websocket(self, scope: Scope, request: Request, receive: Receive, send: Send, record: Record) -> None:
        can_refuse = "websocket.http.response" in (scope.get("extensions") or {})
        if (await receive())["type"] != "websocket.connect":
            return
        refusal: Refusal | None = None
        try:
            route = self._route(request, record)
            if self._link(route.plugin_id).transport == "servehttp":
                raise Rejected(responses.no_websockets(route.plugin_id))
            receive = await self._identify(request, receive, route.plugin_id)
            exchange = await self._open(route.plugin_id, request)
        except Rejected as rejected:
            refusal = rejected.refusal
        if refusal is not None:
            await refuse_websocket(refusal, send, record, can_refuse=can_refuse)
            return
        timeout = self._settings.limits.first_byte_timeout
        cookies = self._settings.cookies
        await WebSocketForward(exchange, receive, send, timeout, record, cookies, can_refuse=can_refuse).run()


def _add_slash(request: Request, route: Route) -> Refusal:
    """`/plugins/{id}` without its slash: relative links of the plugin's pages would miss the plugin."""
    path, mark, query = request.target.partition(b"?")
    location = b"/" + path.lstrip(b"/") + b"/" + mark + query
    message = "the plugin is one slash further"
    return Refusal(HTTPStatus.TEMPORARY_REDIRECT, message, route.plugin_id, headers=[(b"location", location)])


def _restore_subprotocols(scope: Scope, request: Request) -> None:
    """Some servers take the header apart, and leave only the scope's list."""
    offered = ", ".join(scope.get("subprotocols", ())).encode()
    if offered and request.header(b"sec-websocket-protocol") is None:
        request.headers = [*request.headers, (b"sec-websocket-protocol", offered)]


def _has_body(scope: Scope) -> bool:
    """Whether the request brings a body; HTTP/1 says so in its head (RFC 9112 §6.3), later versions do not."""
    if not scope["http_version"].startswith("1"):
        return True
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
        for name, value in scope["headers"]
    )


def _root_length(scope: Scope, raw_path: bytes) -> int:
    """How much of the raw path is the prefix under which the gateway itself is mounted."""
    root = scope.get("root_path", "").encode()
    return len(root) if raw_path.startswith(root) else 0


def _raw_path(scope: Scope) -> bytes:
    raw_path: bytes | None = scope.get("raw_path")
    return raw_path if raw_path is not None else scope["path"].encode()


def _address(value: Any) -> tuple[str, int] | None:
    return (value[0], value[1] or 0) if value else None


def _http_scheme(scheme: str) -> str:
    return {"ws": "http", "wss": "https"}.get(scheme, scheme)
