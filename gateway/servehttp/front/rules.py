"""What a plugin's response must keep to before any of it reaches a client, whichever way it is forwarded."""

from __future__ import annotations

from mattermost_plugin.exchange import End, Headers, Request, Response
from mattermost_plugin.headers import checked
from servehttp.front.cookies import CookieScopes, with_own_cookies
from servehttp.front.headers import BODILESS_STATUSES, ResponseHead, response_head


class InvalidResponse(Exception):
    """The plugin's response is none that may reach a client; the text says why."""


class ResponseRules:
    """Follows one response; framing is the gateway's own, and the body keeps to its declared length.

    Args:
        request: what is answered.
        plugin_id: by which plugin.
        cookies: for which paths plugins may set cookies.

    Attributes:
        plugin_id: who answers.
        started: the head has passed.
        bodiless: whatever is sent as a body is dropped.
    """

    __slots__ = ("_cookies", "_left", "_request", "bodiless", "plugin_id", "started")

    def __init__(self, request: Request, plugin_id: str, cookies: CookieScopes) -> None:
        self._request = request
        self.plugin_id = plugin_id
        self._cookies = cookies
        self._left: int | None = None
        self.bodiless = request.method == "HEAD"
        self.started = False

    def start(self, response: Response) -> ResponseHead:
        """The head for the client.

        Raises:
            InvalidHeader: it has one that must not reach it.
        """
        head = self.head(response)
        if response.status in BODILESS_STATUSES:
            self.bodiless = True
        elif not self.bodiless:
            self._left = head.length
        self.started = True
        return head

    def head(self, response: Response) -> ResponseHead:
        """The head for the client, checked and scoped, without beginning to follow the response."""
        head = response_head(response)
        if head.sets_cookies:
            root = self._cookies.root(self._request, self.plugin_id)
            return head if root is None else head.with_own_cookies(root)
        return head

    def own_cookies(self, headers: Headers) -> Headers:
        """Headers, with the cookies that they set scoped to the plugin."""
        return with_own_cookies(headers, self._cookies.root(self._request, self.plugin_id))

    @property
    def chunked(self) -> bool:
        """The client has to be told the end of the body, which has no declared length."""
        return self._left is None and not self.bodiless

    def piece(self, data: bytes) -> bool:
        """Whether a piece of the body goes to the client.

        Raises:
            InvalidResponse: it goes beyond the declared length.
        """
        if self.bodiless:
            return False
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise InvalidResponse("the response body is longer than its content-length")
        return True

    def finish(self, part: object) -> list[tuple[bytes, bytes]]:
        """The trailers for the client.

        Raises:
            InvalidResponse: this is no end, or it comes too early.
            InvalidHeader: a trailer that must not reach it.
        """
        if not isinstance(part, End):
            raise InvalidResponse(f"the plugin sent {type(part).__name__} in a response")
        if self._left:
            raise InvalidResponse("the response body is shorter than its content-length")
        return checked(part.trailers) if self._request.trailers else []
