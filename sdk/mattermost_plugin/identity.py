"""Who sends a request, by the gateway's word: `request.user`, and the model behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.requests import HTTPConnection

from mattermost_plugin.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from mattermost_plugin.async_client import AsyncPluginAPIClient
    from mattermost_plugin.models import User

USER_ID: Final = b"mattermost-user-id"
AUTHENTICATED: Final = "authenticated"
"""The scope that Starlette's `requires` asks for."""
LOGIN: Final = "/login"
PLUGINS: Final = "/plugins/"
"""Behind the prefix under which a gateway is mounted, if it is."""


class RequestUser(BaseUser):
    """Who sends a request. Nobody may say so but the gateway, which lets no such header of a client's pass.

    Args:
        headers: the request's.
        api: gives the host's API.
    """

    __slots__ = ("_api", "_headers", "_model")

    def __init__(
        self, headers: Sequence[tuple[bytes, bytes]], api: Callable[[], AsyncPluginAPIClient] | None = None
    ) -> None:
        self._headers = headers
        self._api = api
        self._model: User | None = None

    @property
    def is_authenticated(self) -> bool:
        """Whether anybody is logged in."""
        return bool(self.identity)

    @property
    def identity(self) -> str:
        """The user's id; empty if nobody is logged in."""
        return next((value.decode("latin-1") for name, value in self._headers if name == USER_ID), "")

    @property
    def display_name(self) -> str:
        """The same: names are the model's, see `current_user`."""
        return self.identity

    async def fetch(self) -> User | None:
        """The model, asked for once; None if nobody is logged in.

        Raises:
            RuntimeError: the request is not answered by a plugin's routes.
            NotFoundError: there is no such user any more.
            PluginAPIError: the call failed otherwise.
        """
        if self._api is None:
            raise RuntimeError("only where a plugin's routes answer is its API known")
        if self._model is None and self.is_authenticated:
            self._model = await self._api().get_user(self.identity)
        return self._model


class RequestCredentials(AuthCredentials):
    """`request.auth`: "authenticated" if somebody is logged in.

    Args:
        user: who sends the request.
    """

    def __init__(self, user: RequestUser) -> None:
        self._user = user

    @property
    def scopes(self) -> list[str]:  # type: ignore[override]  # found out when it is asked for
        """What `requires` compares with."""
        return [AUTHENTICATED] if self._user.is_authenticated else []


class GatewayAuthentication(AuthenticationBackend):
    """For Starlette's AuthenticationMiddleware, in an application that is a plugin's `app`; routes need none."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Who sends a request; None if nobody is logged in."""
        user = RequestUser(conn.scope["headers"])
        return (AuthCredentials([AUTHENTICATED]), user) if user.is_authenticated else None


_current: ContextVar[RequestUser] = ContextVar("request_user")


async def current_user() -> User | None:
    """Who sends the request that is answered here, asked for once; None if nobody is logged in.

    Raises:
        RuntimeError: none is answered here, by a plugin's routes.
        NotFoundError: there is no such user any more.
        PluginAPIError: the call failed otherwise.
    """
    user = _current.get(None)
    if user is None:
        raise RuntimeError("current_user() is for the endpoints of a plugin's routes, and no request is answered here")
    return await user.fetch()


def login_url(request: HTTPConnection) -> str:
    """Where a browser logs in, and comes back from to what it asked for here: to be redirected to.

    Args:
        request: what nobody is logged in for; one that a browser can repeat, so a GET.
    """
    prefix, _, _ = request.scope.get("root_path", "").rpartition(PLUGINS)
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{prefix}{LOGIN}?{urlencode({'redirect_to': asked})}"


class IdentityMiddleware:
    """Has `request.user` and `request.auth` in a plugin's routes, unless a middleware of its own brings others.

    Args:
        app: what answers.
        api: gives the host's API.
    """

    def __init__(self, app: ASGIApp, api: Callable[[], Any]) -> None:
        self._app = app
        self._api = api

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "lifespan":
            user = RequestUser(scope["headers"], self._api)
            _current.set(user)
            scope["user"], scope["auth"] = user, RequestCredentials(user)
        return self._app(scope, receive, send)
