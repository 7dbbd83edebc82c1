"""The PluginHooks service: which hooks the plugin has, and the calls to its handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from mattermost_plugin.background import cancel_tasks, reopen_tasks
from mattermost_plugin.calls.outcomes import CallContext
from mattermost_plugin.grpc.hooks_lifecycle_pb2 import (
    ImplementedRequest,
    ImplementedResponse,
    OnActivateRequest,
    OnActivateResponse,
    OnConfigurationChangeRequest,
    OnConfigurationChangeResponse,
    OnDeactivateRequest,
    OnDeactivateResponse,
)
from mattermost_plugin.hooks import DISMISS_POST_ERROR, HookName
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.origin import Origin, enter, here
from mattermost_plugin.plugin import Plugin, begin_jobs, commands_of, has_host, has_jobs, settings_of
from mattermost_plugin.runtime_config import DEFAULT_HOOK_TIMEOUT
from mattermost_plugin.servicers.binding import BoundHook, bind
from mattermost_plugin.servicers.hook_runner import HookError, HookInvocationError, HookResultError, HookRunner
from mattermost_plugin.servicers.table import UNARY_HOOKS
from mattermost_plugin.tracing import Kind, around

if TYPE_CHECKING:
    from mattermost_plugin.serve_http.hook import HTTPRequest, HTTPResponseWriter
    from mattermost_plugin.servicers.unary import UnaryHook

__all__ = ["DISMISS_POST_ERROR", "HTTPRequest", "HTTPResponseWriter", "PluginHooksServicerImpl", "announced_hooks"]

DEADLINE_MARGIN = 0.25
"""Seconds before the host's deadline, at most a tenth of what is left, at which a handler has taken too long: an answer
that comes after it is none, and a veto would be lost."""

Context = CallContext

logger = get_logger("mattermost_plugin.hooks")


def announced_hooks(plugin: Plugin) -> list[str]:
    """The hooks that a host may call, sorted: those with a handler, and those by which routes, commands, settings and
    jobs work."""
    names = set(plugin.implemented_hooks())
    if plugin.serves_http():
        names.add(HookName.ServeHTTP.value)
    if commands_of(plugin):
        names |= {HookName.OnActivate.value, HookName.ExecuteCommand.value}
    if settings_of(plugin) is not None:
        names |= {HookName.OnActivate.value, HookName.OnConfigurationChange.value}
    if has_jobs(plugin):
        names |= {HookName.OnActivate.value, HookName.OnDeactivate.value}
    return sorted(names)


class PluginHooksServicerImpl:
    """Serves a plugin's hooks, ServeHTTP apart: a method for each, of the rpc's name.

    Args:
        plugin: the plugin.
        timeout: seconds that a handler may take which says nothing else.
    """

    def __init__(self, plugin: Plugin, timeout: float = DEFAULT_HOOK_TIMEOUT) -> None:
        self._plugin = plugin
        self._runner = HookRunner(timeout)
        self._bound = _bind_all(plugin)
        self._commands = _bind_commands(plugin)
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def tasks(self) -> list[asyncio.Task[Any]]:
        """The tasks in which handlers run now, ServeHTTP's apart."""
        return list(self._running)

    async def Implemented(self, request: ImplementedRequest, context: Context) -> ImplementedResponse:
        """The names of the hooks that the host may call."""
        return ImplementedResponse(hooks=announced_hooks(self._plugin))

    async def OnActivate(self, request: OnActivateRequest, context: Context) -> OnActivateResponse:
        """The plugin begins to work; one that refuses has no background tasks."""
        reopen_tasks(self._plugin)
        active = False
        try:
            answer = await self._activate(request, context)
            active = not answer.HasField("error")
        finally:
            if not active:
                await cancel_tasks(self._plugin)
        return answer

    async def OnConfigurationChange(
        self, request: OnConfigurationChangeRequest, context: Context
    ) -> OnConfigurationChangeResponse:
        """The plugin's settings may be others; they are read before its handler is called."""
        failed = await self._attempt(HookName.OnConfigurationChange, self._load_settings)
        answer: OnConfigurationChangeResponse = failed or await self._run(
            HookName.OnConfigurationChange, request, context
        )
        return answer

    async def OnDeactivate(self, request: OnDeactivateRequest, context: Context) -> OnDeactivateResponse:
        """The plugin ends its work, and so do its background tasks."""
        try:
            answer: OnDeactivateResponse = await self._run(HookName.OnDeactivate, request, context)
        finally:
            await cancel_tasks(self._plugin)
        return answer

    def close(self) -> None:
        """Start no handler any more."""
        self._runner.close()

    async def _activate(self, request: OnActivateRequest, context: Context) -> OnActivateResponse:
        settings, name = settings_of(self._plugin), HookName.OnActivate
        failed = None
        if settings is not None and not settings.is_loaded(self._plugin):
            failed = await self._attempt(name, self._load_settings)
        answer: OnActivateResponse = failed or await self._run(name, request, context)
        if not answer.HasField("error"):
            answer = await self._attempt(name, self._begin) or answer
        return answer

    async def _load_settings(self) -> None:
        settings = settings_of(self._plugin)
        if settings is None:
            return
        folder = self._plugin.config.plugin_path if self._plugin.config is not None else ""
        api = self._plugin.async_api if has_host(self._plugin) else None
        tell = await settings.load(self._plugin, folder, api)
        if tell is not None:
            await self._runner.run("changed", tell)

    async def _begin(self) -> None:
        """What begins once a plugin was activated: its commands are offered, if it has a host, and its jobs run."""
        commands = commands_of(self._plugin)
        if commands is not None and has_host(self._plugin):
            await commands.offer(self._plugin.async_api)
        begin_jobs(self._plugin)

    async def _attempt(self, name: HookName, step: Callable[[], Awaitable[None]]) -> Any:
        """Do what belongs to a hook beside its handler; returns the hook's response if that fails, else None."""
        try:
            await self._runner.run(name.value, step)
        except HookError as error:
            logger.error("%s", error, exc_info=_trace_of(error), extra={"hook": name.value})
            return UNARY_HOOKS[name].failed(error)
        return None

    def _handler_for(self, name: str, request: Any) -> BoundHook | None:
        commands = commands_of(self._plugin)
        if commands is not None and name == HookName.ExecuteCommand:
            found = self._commands.get(commands.trigger_of(request.args.command))
            if found is not None:
                return found
        return self._bound.get(name)

    async def _run(self, name: str, request: Any, context: Context) -> Any:
        hook = UNARY_HOOKS[name]
        bound = self._handler_for(hook.name, request)
        if bound is None:
            return hook.absent(request)
        if not here().request_id and "plugin_context" in request.DESCRIPTOR.fields_by_name:
            enter(Origin(request.plugin_context.request_id))  # as hosts say it that know the contract alone
        with around(f"hook {hook.name.value}", Kind.CALLED) as span:
            try:
                return hook.answer(request, await self._call(hook, bound, request, context))
            except HookError as error:
                failure = error
            except Exception as error:  # the border to the plugin's code: what it returned may be anything
                failure = HookResultError(hook.name.value, error)
            span.fail(str(failure))
        logger.error("%s", failure, exc_info=_trace_of(failure), extra={"hook": hook.name.value})
        return hook.absent(request) if bound.options.on_error == "allow" else hook.failed(failure)

    async def _call(self, hook: UnaryHook, bound: BoundHook, request: Any, context: Context) -> Any:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            arguments = [read(request) for read in bound.readers]
            limit = self._limit(bound, context)
            return await self._runner.run(hook.name.value, bound.handler, *arguments, timeout=limit)
        finally:
            self._running.discard(task)

    def _limit(self, bound: BoundHook, context: Context) -> float:
        """Seconds for the handler: its own or the configured ones, but not up to the host's deadline."""
        limit = bound.options.timeout or self._runner.timeout
        remaining = context.time_remaining()
        if not isinstance(remaining, float):
            return limit
        return min(limit, round(remaining - min(DEADLINE_MARGIN, remaining / 10), 3))


def _bind_all(plugin: Plugin) -> dict[str, BoundHook]:
    bound = {}
    for name in UNARY_HOOKS:
        handler = plugin.get_hook_handler(name)
        if handler is not None:
            bound[name] = bind(UNARY_HOOKS[name], handler, plugin.get_hook_options(name))
    return bound


def _bind_commands(plugin: Plugin) -> dict[str, BoundHook]:
    hook = UNARY_HOOKS[HookName.ExecuteCommand]
    methods = commands_of(plugin) or ()
    return {method.mark.trigger: bind(hook, method.handler(plugin), method.options) for method in methods}


def _trace_of(error: HookError) -> BaseException | None:
    """A time-out's trace leads nowhere but to the clock."""
    return error.original_error if isinstance(error, (HookInvocationError, HookResultError)) else None


def _rpc(name: str) -> Callable[[PluginHooksServicerImpl, Any, Context], Awaitable[Any]]:
    async def call(servicer: PluginHooksServicerImpl, request: Any, context: Context) -> Any:
        return await servicer._run(name, request, context)

    return call


for _name in UNARY_HOOKS:
    if not hasattr(PluginHooksServicerImpl, _name):
        setattr(PluginHooksServicerImpl, _name, _rpc(_name))


def __getattr__(name: str) -> Any:
    """What the reference has here, and this module does not need."""
    if name not in ("HTTPRequest", "HTTPResponseWriter"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mattermost_plugin.serve_http import hook

    return getattr(hook, name)
