"""The PluginHooks service: which hooks the plugin has, and the calls to its handlers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from mattermost_plugin.grpc import hooks_pb2_grpc
from mattermost_plugin.grpc.hooks_lifecycle_pb2 import ImplementedRequest, ImplementedResponse
from mattermost_plugin.hooks import HookName
from mattermost_plugin.plugin import Plugin
from mattermost_plugin.runtime_config import DEFAULT_HOOK_TIMEOUT
from mattermost_plugin.serve_http_hook import HTTPRequest, HTTPResponseWriter
from mattermost_plugin.servicers import lifecycle
from mattermost_plugin.servicers.hook_runner import HookError, HookInvocationError, HookRunner
from mattermost_plugin.servicers.unary import UnaryHook

__all__ = ["HTTPRequest", "HTTPResponseWriter", "PluginHooksServicerImpl", "announced_hooks", "unserved_hooks"]

UNARY_HOOKS = {hook.name.value: hook for hook in (*lifecycle.HOOKS,)}
SERVED_HOOKS = UNARY_HOOKS.keys() | {HookName.ServeHTTP.value}

Context = grpc.aio.ServicerContext[Any, Any]

logger = logging.getLogger("mattermost_plugin.hooks")


def announced_hooks(plugin: Plugin) -> list[str]:
    """The hooks that a host may call, sorted: those with a handler, and ServeHTTP for a plugin with routes."""
    names = set(plugin.implemented_hooks()) & SERVED_HOOKS
    if plugin.serves_http():
        names.add(HookName.ServeHTTP.value)
    return sorted(names)


def unserved_hooks(plugin: Plugin) -> list[str]:
    """The hooks with a handler that this version of the SDK does not serve, so that the handler is never called."""
    return sorted(set(plugin.implemented_hooks()) - SERVED_HOOKS)


class PluginHooksServicerImpl(hooks_pb2_grpc.PluginHooksServicer):
    """Serves a plugin's hooks.

    Args:
        plugin: the plugin.
        timeout: seconds that a handler may take; ServeHTTP has no limit.
        serve_http: answers one ServeHTTP call, reading and writing on its context.
    """

    def __init__(
        self,
        plugin: Plugin,
        timeout: float = DEFAULT_HOOK_TIMEOUT,
        serve_http: Callable[[Context], Awaitable[None]] | None = None,
    ) -> None:
        self._plugin = plugin
        self._runner = HookRunner(timeout)
        self._serve_http = serve_http

    async def Implemented(self, request: ImplementedRequest, context: Context) -> ImplementedResponse:
        """The names of the hooks that the host may call."""
        return ImplementedResponse(hooks=announced_hooks(self._plugin))

    async def ServeHTTP(  # type: ignore[override]  # read/write style, where the stubs know only generators
        self, request_iterator: object, context: Context
    ) -> None:
        """One HTTP request."""
        if self._serve_http is None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server has no HTTP side")
        else:
            await self._serve_http(context)

    def close(self) -> None:
        """Start no handler any more."""
        self._runner.close()

    async def _run(self, hook: UnaryHook, request: Any) -> Any:
        handler = self._plugin.get_hook_handler(hook.name)
        if handler is None:
            return hook.absent(request)
        try:
            result = await self._runner.run(hook.name.value, handler, *hook.arguments(request))
        except HookError as error:
            logger.error("%s", error, exc_info=_trace_of(error), extra={"hook": hook.name.value})
            return hook.failed(error)
        return hook.answer(result)


def _trace_of(error: HookError) -> BaseException | None:
    """A time-out's trace leads nowhere but to the clock."""
    return error.original_error if isinstance(error, HookInvocationError) else None


def _rpc(hook: UnaryHook) -> Callable[[PluginHooksServicerImpl, Any, Context], Awaitable[Any]]:
    async def call(servicer: PluginHooksServicerImpl, request: Any, context: Context) -> Any:
        return await servicer._run(hook, request)

    return call


for _hook in UNARY_HOOKS.values():
    setattr(PluginHooksServicerImpl, _hook.name.value, _rpc(_hook))
