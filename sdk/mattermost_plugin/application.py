"""A plugin's routes, its application and its ServeHTTP handler, composed into one ASGI application by Starlette."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Router

from mattermost_plugin.asgi import Lifespan
from mattermost_plugin.identity import IdentityMiddleware
from mattermost_plugin.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from mattermost_plugin.serve_http.hook import HookApplication

LEFT_BY_STARLETTE = frozenset(("app", "router", "starlette.exception_handlers", "user", "auth"))
"""What Starlette and our middleware put into the scope on the way to an application that is not mounted, and so must
not see it."""


def compose(
    *,
    routes: Sequence[BaseRoute | Router],
    app: ASGIApp | None,
    hook: HookApplication | None,
    middleware: Sequence[Middleware],
    exception_handlers: Mapping[Any, Callable[..., Any]],
    lifespan: Callable[..., Any] | None,
    api: Callable[[], Any],
) -> ASGIApp:
    """One application: the routes, then `app` or `hook` for what no route answers, then Starlette's 404.

    With an `app` or a `hook`, a path that differs from a route's by a slash at its end is theirs to answer, and is not
    redirected. Routes have `request.user`; `api` gives what fetches the model behind it.

    Raises:
        TypeError: `routes` holds something that is no route.
        ValueError: a router in `routes` has to be mounted.
    """
    composed = Starlette(
        routes=[route for item in routes for route in _flat(item)],
        middleware=[Middleware(IdentityMiddleware, api=api), *middleware],
        exception_handlers=exception_handlers,
        lifespan=_composed_lifespan(lifespan, app, hook),
    )
    rest = app or hook
    if rest is not None:
        composed.router.default = _as_if_alone(rest)
        composed.router.redirect_slashes = False
    return composed


def _flat(item: BaseRoute | Router) -> Sequence[BaseRoute]:
    if isinstance(item, BaseRoute):
        return [item]
    if not isinstance(item, Router):
        raise TypeError(f"`routes` holds Starlette routes and routers, and {item!r} is neither")
    if item.middleware_stack != item.app:
        raise ValueError('a router with middleware of its own has to be mounted: Mount("/path", app=router)')
    return item.routes


def _as_if_alone(app: ASGIApp) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await app({key: value for key, value in scope.items() if key not in LEFT_BY_STARLETTE}, receive, send)

    return call


def _composed_lifespan(own: Callable[..., Any] | None, app: ASGIApp | None, hook: HookApplication | None) -> Any:
    @asynccontextmanager
    async def lifespan(starlette: Starlette) -> AsyncIterator[dict[str, Any]]:
        state: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            if hook is not None:
                stack.callback(hook.close)
            if app is not None:
                inner = Lifespan(app)
                stack.push_async_callback(inner.shutdown)
                state |= await inner.startup()
            if own is not None:
                state |= await stack.enter_async_context(own(starlette)) or {}
            yield state

    return lifespan
