"""The class that plugins inherit from: hook handlers, routes, and what the host gave to the process."""

from __future__ import annotations

import inspect
import itertools
import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from mattermost_plugin.background import BackgroundTasks
from mattermost_plugin.hooks import (
    HookHandler,
    HookName,
    HookOptions,
    HookRegistrationError,
    check_signature,
    find_handlers,
)
from mattermost_plugin.runtime_config import RuntimeConfig
from mattermost_plugin.types import ASGIApp

if TYPE_CHECKING:
    import asyncio

    from starlette.middleware import Middleware
    from starlette.routing import BaseRoute, Router

    from mattermost_plugin.async_client import AsyncPluginAPIClient
    from mattermost_plugin.client import PluginAPIClient
    from mattermost_plugin.commands.decorator import Commands
    from mattermost_plugin.jobs.clock import Clock
    from mattermost_plugin.jobs.decorators import Jobs
    from mattermost_plugin.serve_http.hook import HookApplication
    from mattermost_plugin.settings import Settings


Client = TypeVar("Client", "PluginAPIClient", "AsyncPluginAPIClient")

ROUTING = "mattermost_plugin.routing"
COMMANDS = "mattermost_plugin.commands.decorator"
JOBS = "mattermost_plugin.jobs.decorators"
SETTINGS = "mattermost_plugin.settings"
"""Modules of decorators: who has used them has imported them."""

_making_client = threading.Lock()
"""Threads may ask for the first client at the same time."""


class Plugin:
    """A plugin: subclass it, decorate methods as hook handlers and routes, and pass the class to `run_plugin`.

    HTTP requests and WebSockets go to the decorated methods and `routes`; what none of those answers goes to `app`, or
    to the handler of the ServeHTTP hook; a plugin with neither answers it with 404.

    Args:
        api: the client for the host's API, instead of one made by the first use.
        config: the configuration of the process.
        logger: used instead of a logger named after the class.
        async_api: the client for the host's API in async code, instead of one made by the first use.
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
    _commands: ClassVar[Commands | None] = None
    _jobs: ClassVar[Jobs | None] = None
    _settings: ClassVar[tuple[Settings[Any], ...]] = ()  # at most one, which alone would act as the attribute

    # Defaults, so that a subclass need not call super().__init__.
    _api: Any = None
    _async_api: Any = None
    _own_api: PluginAPIClient | None = None
    _own_async_api: AsyncPluginAPIClient | None = None
    _config: RuntimeConfig | None = None
    _logger: logging.Logger | None = None
    _clock: Clock | None = None
    _running_jobs: Sequence[asyncio.Task[None]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._hook_handlers = find_handlers(cls)
        cls._hook_registry = {name: handler.function for name, handler in cls._hook_handlers.items()}
        cls._commands = _find_commands(cls)
        cls._jobs = _find_jobs(cls)
        cls._settings = _find_settings(cls)
        if cls.app is not None and cls.has_hook(HookName.ServeHTTP):
            raise HookRegistrationError(
                f"{cls.__qualname__} has both `app` and a handler of ServeHTTP, and either could answer what no route"
                ' does: mount the application instead, routes = [Mount("/path", app=…)], or drop the handler'
            )

    def __init__(
        self,
        api: Any = None,
        config: RuntimeConfig | None = None,
        logger: logging.Logger | None = None,
        *,
        async_api: Any = None,
    ) -> None:
        self._api = api
        self._async_api = async_api
        self._config = config
        self._logger = logger

    @property
    def api(self) -> PluginAPIClient:
        """The client for the host's API, for sync handlers and threads. Its first call connects.

        Raises:
            RuntimeError: the plugin was neither given one nor started.
        """
        if self._api is not None:
            return cast("PluginAPIClient", self._api)
        if self._own_api is None:
            from mattermost_plugin.client import PluginAPIClient  # here, because the messages take long to import

            with _making_client:
                self._own_api = self._own_api or self._make_client(PluginAPIClient)
        return self._own_api

    @property
    def async_api(self) -> AsyncPluginAPIClient:
        """The client for the host's API, for async code. Its first call connects, and binds it to the event loop.

        Raises:
            RuntimeError: the plugin was neither given one nor started.
        """
        if self._async_api is not None:
            return cast("AsyncPluginAPIClient", self._async_api)
        if self._own_async_api is None:
            from mattermost_plugin.async_client import AsyncPluginAPIClient  # as above

            with _making_client:
                self._own_async_api = self._own_async_api or self._make_client(AsyncPluginAPIClient)
        return self._own_async_api

    @property
    def config(self) -> RuntimeConfig | None:
        """The configuration of the process, which is not the plugin's settings."""
        return self._config

    @property
    def logger(self) -> logging.Logger:
        """The plugin's logger, named after its class unless it was given."""
        return self._logger or logging.getLogger(type(self).__name__)

    # Cached, so that a plugin may well assign something of its own to the name.
    @cached_property
    def tasks(self) -> BackgroundTasks:
        """Work that goes on beside hooks and requests, until the plugin is deactivated."""
        return BackgroundTasks()

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

    @classmethod
    def get_hook_options(cls, name: str) -> HookOptions:
        """What `@hook` was told about a handler; the defaults where there is none."""
        handler = cls._hook_handlers.get(name)
        return HookOptions() if handler is None else handler.options

    def invoke_hook(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a hook's handler and return what it returns, for an async one a coroutine; None without a handler."""
        handler = self.get_hook_handler(name)
        return None if handler is None else handler(*args, **kwargs)

    def serves_http(self) -> bool:
        """Whether anything here answers requests: a route, an application, or a handler of ServeHTTP."""
        return bool(self.routes) or self.app is not None or self.has_hook(HookName.ServeHTTP) or bool(self._decorated())

    def asgi_app(self) -> ASGIApp:
        """The whole plugin as one ASGI application, lifespan included.

        Raises:
            TypeError: `routes` holds something that is no route.
            ValueError: a router in `routes` has to be mounted.
        """
        routes = [*self._decorated(), *self.routes]
        app, lifespan = self._callable("app", arguments=3), self._callable("lifespan", arguments=1)
        handler = self._hook_handlers.get(HookName.ServeHTTP)
        if app is not None and not (routes or self.middleware or self.exception_handlers or lifespan):
            found: ASGIApp = app  # alone it stays as it is, and needs no Starlette
            return found
        from mattermost_plugin.application import compose  # here, because Starlette takes long to import

        return compose(
            routes=routes,
            app=app,
            hook=self._hook_application(handler) if handler else None,
            middleware=self.middleware,
            exception_handlers=self.exception_handlers,
            lifespan=lifespan,
            api=lambda: self.async_api,
        )

    def _decorated(self) -> list[BaseRoute]:
        """The routes of decorated methods. The module that decorates them is imported by then, if any were."""
        if ROUTING not in sys.modules:
            return []
        from mattermost_plugin.routing import find_routes

        return find_routes(self)

    def _hook_application(self, handler: HookHandler) -> HookApplication:
        from mattermost_plugin.serve_http.hook import HookApplication

        function = getattr(self, handler.attribute)
        check_signature(function, HookName.ServeHTTP, ("context", "response_writer", "request"))
        return HookApplication(function, stream=handler.options.stream)

    def _make_client(self, cls: type[Client]) -> Client:
        if self._config is None:
            raise RuntimeError(f"{type(self).__name__} has no API client: it was given none, and no host started it")
        return cls(self._config.api_target, token=self._config.api_token)

    def _callable(self, name: str, arguments: int) -> Any:
        """What the attribute holds. A function that the class was merely given, `app = some_function`, is not bound."""
        function = inspect.getattr_static(self, name)
        if inspect.isfunction(function) and len(inspect.signature(function).parameters) == arguments:
            return function
        return getattr(self, name)


def commands_of(plugin: Plugin) -> Commands | None:
    """The slash commands that a plugin's methods answer, if any do."""
    return plugin._commands


def settings_of(plugin: Plugin) -> Settings[Any] | None:
    """How a plugin declares its settings, if it does."""
    return next(iter(plugin._settings), None)


def has_jobs(plugin: Plugin) -> bool:
    """Whether methods of a plugin run at times."""
    return plugin._jobs is not None


def begin_jobs(plugin: Plugin) -> None:
    """Have a plugin's jobs run from now on, as background tasks; a host may activate a plugin twice.

    Without a host its processes cannot agree on who runs them, so that the first one does.
    """
    jobs = plugin._jobs
    if jobs is None:
        return
    from mattermost_plugin.jobs.lease import MemoryStore

    for task in plugin._running_jobs:
        task.cancel()
    if has_host(plugin):
        plugin._running_jobs = jobs.begin(plugin, plugin.tasks, plugin.async_api, plugin._clock)
    elif plugin._config is None or plugin._config.replica == 1:
        plugin._running_jobs = jobs.begin(plugin, plugin.tasks, MemoryStore(), plugin._clock)


def has_host(plugin: Plugin) -> bool:
    """Whether there is a host whose API the plugin's `async_api` calls."""
    return plugin._async_api is not None or bool(plugin._config and plugin._config.api_target)


def _find_commands(cls: type[Plugin]) -> Commands | None:
    """What `@command` has marked in a class, if anything has used that."""
    if COMMANDS not in sys.modules:
        return None
    from mattermost_plugin.commands.decorator import Commands

    return Commands(cls) or None


def _find_settings(cls: type[Plugin]) -> tuple[Settings[Any], ...]:
    """What a class has declared as its settings, if anything has used that."""
    if SETTINGS not in sys.modules:
        return ()
    from mattermost_plugin.settings import Settings

    declared = (value for base in cls.__mro__ for value in vars(base).values() if isinstance(value, Settings))
    return tuple(itertools.islice(declared, 1))


def _find_jobs(cls: type[Plugin]) -> Jobs | None:
    """What `@every` and `@daily` have marked in a class, if anything has used them."""
    if JOBS not in sys.modules:
        return None
    from mattermost_plugin.jobs.decorators import Jobs

    return Jobs(cls) or None


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


async def close_clients(plugin: Plugin) -> None:
    """Close the API clients that a plugin made by itself; those it was given are not its own."""
    if plugin._own_api is not None:
        plugin._own_api.close()
    if plugin._own_async_api is not None:
        await plugin._own_async_api.close()


async def use_api(plugin: Plugin, plugin_id: str, target: str) -> None:
    """Have a plugin's clients call the host's API there, from the next use of `api` and `async_api` on.

    Args:
        plugin: the plugin.
        plugin_id: the id under which the host serves it.
        target: where the API is, as gRPC names it; no token is asked for there.
    """
    await close_clients(plugin)
    plugin._own_api = plugin._own_async_api = None
    config = plugin._config or RuntimeConfig()
    plugin._config = replace(config, plugin_id=plugin_id, api_target=target, api_token="")
