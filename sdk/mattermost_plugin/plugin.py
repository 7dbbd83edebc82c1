"""The class that plugins inherit from: hook handlers, routes, and what the host gave to the process."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from mattermost_plugin.hooks import HookHandler, HookName, HookRegistrationError, find_handlers
from mattermost_plugin.runtime_config import RuntimeConfig
from mattermost_plugin.types import ASGIApp

if TYPE_CHECKING:
    from starlette.middleware import Middleware
    from starlette.routing import BaseRoute, Router


class Plugin:
    """A plugin: subclass it, decorate methods as hook handlers and routes, and pass the class to `run_plugin`.

    HTTP requests and WebSockets go to the decorated methods and `routes`; what none of those answers goes to `app`, or
    to the handler of the ServeHTTP hook; a plugin with neither answers it with 404.

    Args:
        api: The client for the host's API.
        config: The configuration of the process.
        logger: Used instead of a logger named after the class.
    """

    routes: Sequence[BaseRoute | Router] = ()
    """Starlette routes and routers; they are tried after the decorated methods."""

    # Any: a type checker would take a function that a subclass assigns for a method.
    app: Any = None
    """Any ASGI application; it answers what no route does, and its own lifespan is run."""

    middleware: Sequence[Middleware] = ()
    """Starlette middleware around all of it, `app` included."""

    exception_handlers: Mapping[Any, Callable[..., Any]] = {}
    """As in Starlette: an exception class or a status, and what answers it."""

    lifespan: Any = None
    """As in Starlette: an async context manager around the time of serving, which may yield state. It is a function
    that takes the application, or a method that takes it."""

    _hook_registry: ClassVar[dict[str, Callable[..., Any]]] = {}
    _hook_handlers: ClassVar[dict[str, HookHandler]] = {}

    # Defaults, so that a subclass need not call super().__init__.
    _api: Any = None
    _config: RuntimeConfig | None = None
    _logger: logging.Logger | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._hook_handlers = find_handlers(cls)
        cls._hook_registry = {name: handler.function for name, handler in cls._hook_handlers.items()}
        if cls.app is not None and cls.has_hook(HookName.ServeHTTP):
            raise HookRegistrationError(
                f"{cls.__qualname__} has both `app` and a handler of ServeHTTP, and either could answer what no route"
                ' does: mount the application instead, routes = [Mount("/path", app=…)], or drop the handler'
            )

    def __init__(
        self, api: Any = None, config: RuntimeConfig | None = None, logger: logging.Logger | None = None
    ) -> None:
        self._api = api
        self._config = config
        self._logger = logger

    @property
    def api(self) -> Any:
        """The client for the host's API.

        Raises:
            RuntimeError: the plugin was made without one.
        """
        if self._api is None:
            raise RuntimeError(f"{type(self).__name__} has no API client: it was not started with one")
        return self._api

    @property
    def config(self) -> RuntimeConfig | None:
        """The configuration of the process, which is not the plugin's settings."""
        return self._config

    @property
    def logger(self) -> logging.Logger:
        """The plugin's logger, named after its class unless it was given."""
        return self._logger or logging.getLogger(type(self).__name__)

    @classmethod
    def implemented_hooks(cls) -> list[str]:
        """The names of the hooks that the class has handlers for, sorted."""
        return sorted(cls._hook_registry)

    @classmethod
    def has_hook(cls, name: str) -> bool:
        """Whether the class has a handler for a hook."""
        return name in cls._hook_registry

    def get_hook_handler(self, name: str) -> Callable[..., Any] | None:
        """The bound method that handles a hook, or None."""
        handler = self._hook_handlers.get(name)
        return None if handler is None else getattr(self, handler.attribute)

    def invoke_hook(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a hook's handler and return what it returns, for an async one a coroutine; None without a handler."""
        handler = self.get_hook_handler(name)
        return None if handler is None else handler(*args, **kwargs)

    def serves_http(self) -> bool:
        """Whether anything here answers requests: a route, an application, or a handler of ServeHTTP."""
        from mattermost_plugin.routing import has_routes  # here, because Starlette takes long to import

        return bool(self.routes) or self.app is not None or self.has_hook(HookName.ServeHTTP) or has_routes(type(self))

    def asgi_app(self) -> ASGIApp:
        """The whole plugin as one ASGI application, lifespan included.

        Raises:
            TypeError: `routes` holds something that is no route.
            ValueError: a router in `routes` has to be mounted.
        """
        # Here, because Starlette and the protobuf messages of the ServeHTTP hook take long to import.
        from mattermost_plugin.application import compose
        from mattermost_plugin.routing import find_routes
        from mattermost_plugin.serve_http_hook import HookApplication

        handler = self._hook_handlers.get(HookName.ServeHTTP)
        hook = HookApplication(getattr(self, handler.attribute), stream=handler.options.stream) if handler else None
        return compose(
            routes=[*find_routes(self), *self.routes],
            app=self._callable("app", arguments=3),
            hook=hook,
            middleware=self.middleware,
            exception_handlers=self.exception_handlers,
            lifespan=self._callable("lifespan", arguments=1),
        )

    def _callable(self, name: str, arguments: int) -> Any:
        """What the attribute holds. A function that the class was merely given, `app = some_function`, is not bound."""
        function = inspect.getattr_static(self, name)
        if inspect.isfunction(function) and len(inspect.signature(function).parameters) == arguments:
            return function
        return getattr(self, name)


AnyPlugin = TypeVar("AnyPlugin", bound=Plugin)


def instantiate(cls: type[AnyPlugin], api: Any, config: RuntimeConfig) -> AnyPlugin:
    """Make a plugin, whichever of `api` and `config` its own `__init__` takes; it gets the other ones all the same.

    Raises:
        TypeError: its `__init__` wants something else.
    """
    given = {"api": api, "config": config}
    parameters = inspect.signature(cls).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    plugin = cls(**{name: value for name, value in given.items() if takes_all or name in parameters})
    if plugin._api is None:
        plugin._api = api
    if plugin._config is None:
        plugin._config = config
    return plugin
