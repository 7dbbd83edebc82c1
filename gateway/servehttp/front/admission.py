"""Which requests go to a plugin, and to which: decided once, for the fast path and for the ASGI path.

A request is admitted in three steps. `admit` finds its plugin, and leaves of it what may pass. `identify` tells the
plugin who sends it, `identify_at_once` where that takes no wait. `begin` and `open` give it an exchange. Where any of
them finds that it goes nowhere, `Rejected` has the answer.

Nothing of this is written anywhere but into the `Request`, once each: its headers, client and scheme as they may pass,
its id, and the root that the plugin is mounted under.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from mattermost_plugin import tracing
from mattermost_plugin.exchange import End, Exchange, Request
from mattermost_plugin.sink import SinkExchange
from mattermost_plugin.tunnel.errors import TunnelClosed
from mattermost_plugin.types import Receive
from servehttp.errors import LinkError
from servehttp.front import responses
from servehttp.front.credentials import TooManyTokens, identify, identify_at_once, may_identify
from servehttp.front.headers import RequestHeaders
from servehttp.front.ledger import Ledger
from servehttp.front.request_spans import RequestSpans
from servehttp.front.responses import Refusal
from servehttp.front.routing import PREFIX, PUBLIC, Route, find_route, is_console
from servehttp.front.rules import ResponseRules
from servehttp.front.settings import FrontSettings
from servehttp.identity import Identity, IdentityUnavailable
from servehttp.plugins.host import API_ID, LOGIN_PATH
from servehttp.plugins.link import Link
from servehttp.plugins.registry import Registry
from servehttp.plugins.states import COMING_UP, PluginState
from servehttp.request_rules import BadPath, check_path

RUNNING: Final = PluginState.RUNNING
END: Final = End()
"""One for all requests: nobody changes a part."""
API_PREFIX: Final = API_ID.encode() + b"/"
LOGIN: Final = LOGIN_PATH.encode()


class Rejected(Exception):
    """The request goes to no plugin; `refusal` is its answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Admitted:
    """What was found of a request that goes to a plugin, and holds for all that differ from it only in their target.

    Attributes:
        plugin_id: which plugin.
        root_length: how many bytes of the path are the prefix under which the plugin is mounted.
        headers: what may pass of the headers.
    """

    __slots__ = ("headers", "plugin_id", "root_length")

    def __init__(self, route: Route, headers: RequestHeaders) -> None:
        self.plugin_id = route.plugin_id
        self.root_length = route.root_length
        self.headers = headers


class Admission:
    """Admits requests to plugins.

    Args:
        registry: the plugins.
        settings: limits and trust.
        identity: knows who sends requests; without it nobody does, and tokens are the plugins' own.
        has_api: whether there is an API below `API_ID`. Here it is a plugin of that id, if anything.
        passes_console: whether what is for the console goes to that plugin as well.

    Attributes:
        ledger: takes what is over.
    """

    def __init__(
        self,
        registry: Registry,
        settings: FrontSettings,
        identity: Identity | None,
        has_api: bool,
        passes_console: bool = False,
    ) -> None:
        self.settings = settings
        tracer = tracing.current()
        spans = RequestSpans(tracer) if tracer is not None else None
        self.ledger = Ledger(registry, lines=settings.access_log, spans=spans)
        self._registry = registry
        self._identity = identity
        self._has_api = has_api
        self._passes_console = passes_console

    def is_api(self, path: bytes, mount: int) -> bool:
        """Whether a raw path, behind the prefix under which the gateway is mounted, is the API's, or its login page."""
        if not self._has_api:
            return False
        return path.startswith(API_PREFIX, mount) or (len(path) == mount + len(LOGIN) and path.startswith(LOGIN, mount))

    def is_public(self, request: Request, path: bytes) -> bool:
        """Whether what was admitted may ask for a file that the gateway serves itself."""
        return path.startswith(PUBLIC, request.root_length) and not request.websocket

    # Where it goes

    def admit(self, request: Request, path: bytes, *, has_body: bool, mount: int = 0) -> Admitted:
        """Find the plugin of a request, and leave of the request as it came in what may pass.

        Args:
            path: the raw path of its target.
            has_body: whether a body follows.
            mount: bytes of the path that are the prefix under which the gateway itself is mounted.

        Raises:
            Rejected: it goes to no plugin.
        """
        headers = self._headers(request)
        headers.apply(request)
        route = self._route(path, mount)
        if not request.websocket:
            if route.root_length == len(path):
                if self._registry.get(route.plugin_id) is None:
                    raise Rejected(responses.not_found(route.plugin_id))
                raise Rejected(_add_slash(request, route))
            if has_body:  # most have none, and need no search for its length
                self._check_length(request, route.plugin_id)
        request.root_length = route.root_length
        return Admitted(route, headers)

    def admit_alike(self, request: Request, path: bytes, admitted: Admitted) -> None:
        """Admit a request without a body that is like one that was admitted, but for its target below the root.

        Raises:
            Rejected: it goes to no plugin.
        """
        admitted.headers.apply(request)
        try:
            check_path(path)
        except BadPath as error:
            raise Rejected(responses.bad_path(str(error))) from None
        request.root_length = admitted.root_length

    def _headers(self, request: Request) -> RequestHeaders:
        """What may pass of a request's headers, after what trusted proxies say in them was heeded."""
        proxies = self.settings.trusted
        trusted = proxies.trusts_peer(request.client)
        headers = RequestHeaders(request.headers, trusted=trusted)
        if trusted:
            request.client, request.scheme = proxies.resolve(request.client, request.scheme, headers.common.fields)
        return headers

    def _route(self, path: bytes, mount: int) -> Route:
        if not path.startswith(PREFIX, mount) and self._is_main_process(path, mount):
            return Route(API_ID, mount)
        try:
            route = find_route(path, mount)
        except BadPath as error:
            raise Rejected(responses.bad_path(str(error))) from None
        if route is None:
            raise Rejected(responses.NOTHING_HERE)
        return route

    def _is_main_process(self, path: bytes, mount: int) -> bool:
        return self.is_api(path, mount) or (self._passes_console and is_console(path, mount))

    def _check_length(self, request: Request, plugin_id: str) -> None:
        limits = self.settings.limits_of(plugin_id)
        length = request.header(b"content-length")
        if length and length.isdigit() and limits.exceeded_by(int(length)):
            raise Rejected(responses.body_too_large(plugin_id, limits.max_body_size))

    # Who sends it

    def identify_at_once(self, request: Request, headers: RequestHeaders, *, has_body: bool) -> bool:
        """Tell the plugin who sends a request; False where that takes a wait, or a look into its body."""
        identity = self._identity
        if identity is None or not may_identify(headers, request.target):
            return True
        return identify_at_once(request, identity, has_body=has_body)

    async def identify(self, request: Request, plugin_id: str, receive: Receive) -> Receive:
        """Tell the plugin who sends a request; returns what receives its body, which may have been looked into.

        Raises:
            Rejected: that cannot be found out.
        """
        if self._identity is None or plugin_id == API_ID:  # that looks at tokens itself
            return receive
        try:
            return await identify(request, self._identity, receive)
        except IdentityUnavailable:
            raise Rejected(responses.unknown_caller(plugin_id)) from None
        except TooManyTokens as error:
            raise Rejected(responses.too_many_tokens(plugin_id, str(error))) from None

    # Its exchange

    def begin(self, request: Request, plugin_id: str, *, complete: bool) -> SinkExchange | None:
        """Begin the exchange of a request without waiting; None where that cannot be.

        Args:
            complete: whether nothing follows the head.

        Raises:
            Rejected: the plugin takes none.
        """
        return self._begin(self._link_with_room(plugin_id), request, complete)

    def begin_again(
        self, request: Request, plugin_id: str, refused: Sequence[SinkExchange], *, complete: bool
    ) -> SinkExchange:
        """Begin another exchange of a request whose exchanges so far were refused, untouched.

        Raises:
            Rejected: the plugin takes none, or none without waiting, and the request cannot go another way any more.
        """
        exchange = self._begin(self._link_with_room(plugin_id, refused), request, complete)
        if exchange is None:
            raise Rejected(responses.takes_none(plugin_id))
        return exchange

    async def open(self, request: Request, plugin_id: str, refused: Sequence[Exchange] = ()) -> Exchange:
        """Begin the exchange of a request.

        Args:
            refused: its exchanges so far, each of which was refused, untouched.

        Raises:
            Rejected: the plugin takes none.
        """
        try:
            return await self._link_with_room(plugin_id, refused).open(request)
        except LinkError:
            raise Rejected(responses.takes_none(plugin_id)) from None

    def _begin(self, link: Link, request: Request, complete: bool) -> SinkExchange | None:
        try:
            return link.begin(request, END) if complete else link.begin(request)
        except TunnelClosed:
            return None

    def rules(self, request: Request, plugin_id: str) -> ResponseRules:
        """What the response to a request keeps to."""
        return ResponseRules(request, plugin_id, self.settings.cookies)

    def check_websockets(self, plugin_id: str) -> None:
        """See that a plugin can take a WebSocket.

        Raises:
            Rejected: it does not serve HTTP now, or its transport carries none.
        """
        if not self._link(plugin_id, ()).carries_websockets:
            raise Rejected(responses.no_websockets(plugin_id))

    def _link(self, plugin_id: str, refused: Sequence[Exchange]) -> Link:
        """The connection to a plugin that serves HTTP now."""
        plugin = self._registry.get(plugin_id)
        if plugin is None:
            raise Rejected(responses.not_found(plugin_id))
        link, state = plugin.link_after(refused) if refused else plugin.link, plugin.state
        if state is RUNNING and link is not None and link.serves_http:
            return link
        if state in COMING_UP:
            raise Rejected(responses.unavailable(plugin_id, f"the plugin is {state.value}"))
        if state is RUNNING:
            raise Rejected((responses.takes_none if link is None else responses.serves_none)(plugin_id))
        raise Rejected(responses.not_found(plugin_id))

    def _link_with_room(self, plugin_id: str, refused: Sequence[Exchange] = ()) -> Link:
        link = self._link(plugin_id, refused)
        if link.in_flight >= self.settings.max_exchanges_of(plugin_id):
            raise Rejected(responses.unavailable(plugin_id, "the plugin is busy: too many requests are open"))
        return link


def _add_slash(request: Request, route: Route) -> Refusal:
    """`/plugins/{id}` without its slash: relative links of the plugin's pages would miss the plugin."""
    path, mark, query = request.target.partition(b"?")
    location = b"/" + path.lstrip(b"/") + b"/" + mark + query
    message = "the plugin is one slash further"
    return Refusal(HTTPStatus.TEMPORARY_REDIRECT, message, route.plugin_id, headers=[(b"location", location)])
