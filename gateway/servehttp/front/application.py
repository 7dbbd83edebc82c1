"""The HTTP side of the gateway, as an ASGI application: each request to its plugin, or an answer of our own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mattermost_plugin.exchange import Exchange, Headers, Request
from mattermost_plugin.types import Receive, Scope, Send
from servehttp.front.access_log import RequestRecord
from servehttp.front.admission import Admission, Rejected
from servehttp.front.disconnect_signal import disconnect_signal_of
from servehttp.front.endings import Refused
from servehttp.front.health import Health
from servehttp.front.http import HTTPForward
from servehttp.front.http_limits import has_body
from servehttp.front.live_pages import LivePages
from servehttp.front.public_files import PublicFiles
from servehttp.front.routing import is_console
from servehttp.front.settings import FrontSettings
from servehttp.front.start_page import StartPage
from servehttp.front.websocket import WebSocketForward, refuse_websocket
from servehttp.identity import Identity
from servehttp.plugins.host import API_ID
from servehttp.plugins.registry import Registry
from servehttp.request_rules import PLUGIN_HEADER, SENDING_PLUGIN

SUBPROTOCOLS: Final = b"sec-websocket-protocol"


class Front:
    """Answers HTTP requests and WebSockets.

    Args:
        registry: the plugins.
        settings: limits and trust.
        identity: knows who sends requests; without it nobody does, and tokens are the plugins' own.
        has_api: whether there is an API below `API_ID`. Here it is a plugin of that id, if anything.
        passes_console: whether what is for the console goes to that plugin as well.

    Attributes:
        admission: what decides which requests go to a plugin.
        has_console: whether there is the console, so that the list of plugins leads there.
        live_pages: has pages reload themselves, where somebody writes plugins; all of HTTP has to pass here then.
    """

    def __init__(
        self,
        registry: Registry,
        settings: FrontSettings,
        identity: Identity | None = None,
        *,
        has_api: bool = False,
        passes_console: bool = False,
    ) -> None:
        self.admission = Admission(registry, settings, identity, has_api, passes_console)
        self._registry = registry
        self._settings = settings
        self._health = Health(registry, identity)
        self._start_page = StartPage(registry)
        self.has_console = passes_console
        self._open: set[RequestRecord] = set()
        self._public_files = PublicFiles(registry, settings.limits.idle_timeout)
        self.live_pages = LivePages(registry, settings.live_run) if settings.live_run else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for scopes "http" and "websocket"."""
        if scope["type"] == "http":
            if await self._health.answer(scope, send):
                return
            if await self._start_page.answer(scope, send, has_console=self.has_console):
                return
            if self.live_pages is not None:
                if await self.live_pages.answer(scope, receive, send):
                    return
                send = self.live_pages.with_script(scope, send)
        request = _request(scope)
        record = RequestRecord(request, _raw_path(scope))
        self._open.add(record)
        try:
            if request.websocket:
                await self._websocket(scope, request, receive, send, record)
            else:
                await self._http(scope, request, receive, send, record)
        finally:
            self._open.discard(record)
            self.admission.ledger.close(record)

    @property
    def live_run(self) -> str:
        """Names this run of the gateway where pages reload themselves; else empty."""
        return self._settings.live_run

    def change(self, settings: FrontSettings) -> None:
        """Go by other limits and trust from now on; what is live stays as it was."""
        self._settings = self.admission.settings = settings
        self.admission.ledger.lines = settings.access_log
        self._public_files.change(settings.limits.idle_timeout)

    def announce_drain(self) -> None:
        """Tell every plugin that serves HTTP that its gateway is about to stop, and live pages no more of theirs."""
        if self.live_pages is not None:
            self.live_pages.end()
        for plugin in self._registry:
            for replica in plugin.replicas:
                if replica.link is not None:
                    replica.link.announce_drain()

    def in_flight(self) -> Iterator[tuple[str, int]]:
        """How many exchanges are open with each plugin that is connected to."""
        for plugin in self._registry:
            if plugin.id == API_ID:
                continue
            links = [replica.link for replica in plugin.replicas if replica.link is not None]
            yield plugin.id, sum([link.in_flight for link in links])

    def open_records(self) -> list[RequestRecord]:
        """What is known of the requests to plugins that are open, but for those of the fast path."""
        return [record for record in self._open if record.plugin_id != API_ID]

    # The API

    def is_api(self, scope: Scope) -> bool:
        """Whether a request is for the API."""
        path = _raw_path(scope)
        return self.admission.is_api(path, _root_length(scope, path))

    def is_console(self, scope: Scope) -> bool:
        """Whether a request is for the console, or for the API beside it."""
        path = _raw_path(scope)
        return scope["type"] == "http" and is_console(path, _root_length(scope, path))

    def as_proxies_say(self, scope: Scope) -> Scope:
        """A request with its client and scheme as trusted proxies report them."""
        proxies, client = self._settings.trusted, _address(scope.get("client"))
        if not proxies.trusts_peer(client):
            return scope
        client, scheme = proxies.resolve(client, scope["scheme"], scope["headers"])
        return {**scope, "client": client, "scheme": scheme if scope["type"] == "http" else scope["scheme"]}

    # Requests

    def _admit(self, scope: Scope, request: Request, record: RequestRecord) -> str:
        """The id of the plugin that a request goes to."""
        path = _raw_path(scope)
        mount = _root_length(scope, path)
        record.plugin_id = self.admission.admit(request, path, has_body=_has_body(scope), mount=mount).plugin_id
        self.admission.ledger.admit(record)
        sender: str | None = (scope.get("extensions") or {}).get(SENDING_PLUGIN)
        if sender is not None:
            request.headers = [*request.headers, (PLUGIN_HEADER, sender.encode())]
        return record.plugin_id

    async def _http(self, scope: Scope, request: Request, receive: Receive, send: Send, record: RequestRecord) -> None:
        try:
            plugin_id = self._admit(scope, request, record)
            is_public = self.admission.is_public(request, record.path)
            if is_public and await self._public_files.answer(request, record, scope, receive, send):
                return
            receive = await self.admission.identify(request, plugin_id, receive)
            await self._forward(scope, request, plugin_id, receive, send, record)
            return
        except Rejected as rejected:
            refusal, _ = record.begin_refusal(rejected.refusal)
        await refusal.send(send, request.request_id)

    async def _forward(
        self, scope: Scope, request: Request, plugin_id: str, receive: Receive, send: Send, record: RequestRecord
    ) -> None:
        has_body, signal = _has_body(scope), disconnect_signal_of(scope)
        limits = self._settings.limits_of(plugin_id)
        refused: list[Exchange] = []
        while True:
            exchange = await self.admission.open(request, plugin_id, refused)
            record.problem = None
            rules = self.admission.rules(request, plugin_id)
            if self._settings.server_timing:
                record.hand_over()
            forward = HTTPForward(exchange, receive, send, limits, record, rules, has_body=has_body, signal=signal)
            try:
                await forward.run()
                return
            except Refused as refusal:
                record.problem = str(refusal)
            # Nothing of the body went, but an empty one may have ended.
            has_body = has_body and not forward.body_received
            refused.append(exchange)

    async def _websocket(
        self, scope: Scope, request: Request, receive: Receive, send: Send, record: RequestRecord
    ) -> None:
        can_refuse = "websocket.http.response" in (scope.get("extensions") or {})
        if (await receive())["type"] != "websocket.connect":
            return
        try:
            plugin_id = self._admit(scope, request, record)
            self.admission.check_websockets(plugin_id)
            receive = await self.admission.identify(request, plugin_id, receive)
            await self._forward_websocket(request, plugin_id, receive, send, record, can_refuse)
            return
        except Rejected as rejected:
            refusal = rejected.refusal
        await refuse_websocket(refusal, send, record, request.request_id, can_refuse=can_refuse)

    async def _forward_websocket(
        self, request: Request, plugin_id: str, receive: Receive, send: Send, record: RequestRecord, can_refuse: bool
    ) -> None:
        limits, rules = self._settings.limits_of(plugin_id), self.admission.rules(request, plugin_id)
        refused: list[Exchange] = []
        while True:
            exchange = await self.admission.open(request, plugin_id, refused)
            record.problem = None
            forward = WebSocketForward(exchange, receive, send, limits, record, rules, can_refuse=can_refuse)
            try:
                await forward.run()
                return
            except Refused as refusal:
                record.problem = str(refusal)
            refused.append(exchange)


def _request(scope: Scope) -> Request:
    """A request as it came in."""
    raw_path, query = _raw_path(scope), scope["query_string"]
    extensions = scope.get("extensions") or {}
    return Request(
        method=scope.get("method", "GET"),
        target=raw_path + b"?" + query if query else raw_path,
        headers=_headers(scope),
        scheme=_http_scheme(scope["scheme"]),
        http_version=scope["http_version"],
        client=_address(scope.get("client")),
        server=_address(scope.get("server")),
        websocket=scope["type"] == "websocket",
        trailers="http.response.trailers" in extensions,
        early_hints="http.response.early_hint" in extensions,
    )


def _headers(scope: Scope) -> Headers:
    """The headers of a request. Some servers take that for a WebSocket's subprotocols apart, and leave only a list."""
    headers: Headers = scope["headers"]
    offered = ", ".join(scope.get("subprotocols", ())).encode()
    if not offered or any(name == SUBPROTOCOLS for name, _ in headers):
        return headers
    return [*headers, (SUBPROTOCOLS, offered)]


def _has_body(scope: Scope) -> bool:
    """Whether the request brings a body; HTTP/1 says so in its head (RFC 9112 §6.3), later versions do not."""
    return not scope["http_version"].startswith("1") or has_body(scope["headers"])


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
