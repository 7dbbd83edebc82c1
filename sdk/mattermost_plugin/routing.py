"""Decorators that make Starlette routes: of methods of a `Plugin`, and of functions on a `Router`.

Each takes a path and any keyword of Starlette's `Route` (`name`, `middleware`, `include_in_schema`, `max_body_size`) or
`WebSocketRoute`. On a plugin the routes are tried in the order in which the methods are written, those of a subclass
before those it inherits. A method that overrides an inherited one keeps its routes unless it brings its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from starlette import routing
from starlette.routing import BaseRoute, Route, WebSocketRoute

ROUTES_ATTR = "_mattermost_routes"

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Decorator(Protocol):
    """Registers an endpoint, and returns it as it is."""

    def __call__(self, endpoint: Endpoint, /) -> Endpoint: ...


@dataclass(frozen=True)
class RouteMark:
    """A route that still lacks its endpoint."""

    path: str
    methods: Collection[str] | None
    websocket: bool
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not isinstance(self.path, str):
            raise TypeError('a route decorator takes a path: write @get("/path")')
        if not self.path.startswith("/"):
            raise ValueError(f"the route path {self.path!r} does not start with '/': write {'/' + self.path!r}")

    def route(self, endpoint: Callable[..., Any]) -> BaseRoute:
        """The Starlette route to an endpoint."""
        if not self.websocket:
            return Route(self.path, endpoint, methods=self.methods, **self.options)
        if inspect.isroutine(endpoint) and not inspect.iscoroutinefunction(endpoint):
            raise TypeError(f"the WebSocket endpoint {endpoint.__qualname__} has to be an async function")
        return WebSocketRoute(self.path, endpoint, **self.options)


def _marker(mark: RouteMark) -> Decorator:
    def decorate(endpoint: Endpoint) -> Endpoint:
        mark.route(endpoint)  # reports what is wrong with it where it is written
        setattr(endpoint, ROUTES_ATTR, (mark, *getattr(endpoint, ROUTES_ATTR, ())))
        return endpoint

    return decorate


def route(path: str, *, methods: Collection[str] | None = None, **options: Any) -> Decorator:
    """Answer requests for a path; without `methods` those with GET (and HEAD).

    Raises:
        ValueError: the path does not start with "/".
    """
    return _marker(RouteMark(path, methods, False, options))


def get(path: str, **options: Any) -> Decorator:
    """Answer GET and HEAD requests for a path."""
    return route(path, methods=["GET"], **options)


def head(path: str, **options: Any) -> Decorator:
    """Answer HEAD requests for a path."""
    return route(path, methods=["HEAD"], **options)


def post(path: str, **options: Any) -> Decorator:
    """Answer POST requests for a path."""
    return route(path, methods=["POST"], **options)


def put(path: str, **options: Any) -> Decorator:
    """Answer PUT requests for a path."""
    return route(path, methods=["PUT"], **options)


def patch(path: str, **options: Any) -> Decorator:
    """Answer PATCH requests for a path."""
    return route(path, methods=["PATCH"], **options)


def delete(path: str, **options: Any) -> Decorator:
    """Answer DELETE requests for a path."""
    return route(path, methods=["DELETE"], **options)


def options(path: str, **options: Any) -> Decorator:
    """Answer OPTIONS requests for a path."""
    return route(path, methods=["OPTIONS"], **options)


def websocket(path: str, **options: Any) -> Decorator:
    """Serve WebSockets at a path."""
    return _marker(RouteMark(path, None, True, options))


class Router(routing.Router):
    """Starlette's router, with a decorator for each HTTP method. It can be mounted, or be an application by itself."""

    def route(self, path: str, *, methods: Collection[str] | None = None, **options: Any) -> Decorator:
        """Answer requests for a path; without `methods` those with GET (and HEAD).

        Raises:
            ValueError: the path does not start with "/".
        """
        return self._adder(RouteMark(path, methods, False, options))

    def get(self, path: str, **options: Any) -> Decorator:
        """Answer GET and HEAD requests for a path."""
        return self.route(path, methods=["GET"], **options)

    def head(self, path: str, **options: Any) -> Decorator:
        """Answer HEAD requests for a path."""
        return self.route(path, methods=["HEAD"], **options)

    def post(self, path: str, **options: Any) -> Decorator:
        """Answer POST requests for a path."""
        return self.route(path, methods=["POST"], **options)

    def put(self, path: str, **options: Any) -> Decorator:
        """Answer PUT requests for a path."""
        return self.route(path, methods=["PUT"], **options)

    def patch(self, path: str, **options: Any) -> Decorator:
        """Answer PATCH requests for a path."""
        return self.route(path, methods=["PATCH"], **options)

    def delete(self, path: str, **options: Any) -> Decorator:
        """Answer DELETE requests for a path."""
        return self.route(path, methods=["DELETE"], **options)

    def options(self, path: str, **options: Any) -> Decorator:
        """Answer OPTIONS requests for a path."""
        return self.route(path, methods=["OPTIONS"], **options)

    def websocket(self, path: str, **options: Any) -> Decorator:
        """Serve WebSockets at a path."""
        return self._adder(RouteMark(path, None, True, options))

    def _adder(self, mark: RouteMark) -> Decorator:
        def add(endpoint: Endpoint) -> Endpoint:
            self.routes.append(mark.route(endpoint))
            return endpoint

        return add


def find_routes(owner: object) -> list[BaseRoute]:
    """The routes of an object's decorated methods, in the order in which they are tried."""
    return [mark.route(getattr(owner, attribute)) for attribute, mark in _find_marks(type(owner))]


def _find_marks(cls: type) -> list[tuple[str, RouteMark]]:
    found: list[tuple[str, RouteMark]] = []
    settled: set[str] = set()
    for base in cls.__mro__:
        for attribute, value in vars(base).items():
            marks = getattr(value, ROUTES_ATTR, ())
            if attribute in settled or (callable(value) and not marks):
                continue
            settled.add(attribute)
            found += [(attribute, mark) for mark in marks]
    return found
