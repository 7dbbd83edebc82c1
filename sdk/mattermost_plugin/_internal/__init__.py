"""The reference's private modules, which its documentation tells authors to import from, under their old names."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from mattermost_plugin import models as wrappers
from mattermost_plugin.api import channel
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.runtime_config import DEFAULT_HOOK_TIMEOUT
from mattermost_plugin.servicers import hook_runner as _runner

if TYPE_CHECKING:
    import grpc

__all__ = ["channel", "hook_runner", "wrappers"]

_logger = get_logger("mattermost_plugin.hooks")
_threads = _runner.HookRunner()


class _Context(Protocol):
    """What is used of a call's context."""

    def set_code(self, code: grpc.StatusCode) -> None: ...

    def set_details(self, details: str) -> None: ...


class HookRunner:
    """Runs handlers with one time-out, in seconds, unless a call has its own."""

    def __init__(self, timeout: float = DEFAULT_HOOK_TIMEOUT, logger: logging.Logger | None = None) -> None:
        self.timeout = timeout
        self.logger = logger or _logger

    async def invoke(
        self, handler: Callable[..., Any] | None, *args: Any, timeout: float | None = None, **options: Any
    ) -> tuple[Any, Exception | None]:
        """Call `invoke_hook_safe` with this runner's time-out."""
        limit = self.timeout if timeout is None else timeout
        return await invoke_hook_safe(handler, *args, timeout=limit, **options)


async def run_hook_async(
    handler: Callable[..., Any],
    *args: Any,
    timeout: float = DEFAULT_HOOK_TIMEOUT,
    hook_name: str = "unknown",
    **kwargs: Any,
) -> Any:
    """Call a handler, sync or async, and return its result.

    Raises:
        HookTimeoutError: it took longer than `timeout` seconds.
        HookInvocationError: it raised.
    """
    return await _threads.run(hook_name, handler, *args, timeout=timeout, **kwargs)


async def invoke_hook_safe(
    handler: Callable[..., Any] | None,
    *args: Any,
    timeout: float = DEFAULT_HOOK_TIMEOUT,
    hook_name: str = "unknown",
    default: Any = None,
    context: _Context | None = None,
    **kwargs: Any,
) -> tuple[Any, Exception | None]:
    """Call a handler and return its result and no error, or the default and what went wrong.

    Args:
        handler: the handler; without one the result is the default.
        *args: its arguments.
        timeout: seconds that it may take.
        hook_name: for the log.
        default: the result when there is none.
        context: gets the failure's gRPC status.
        **kwargs: its arguments.
    """
    if handler is None:
        return default, None
    try:
        return await run_hook_async(handler, *args, timeout=timeout, hook_name=hook_name, **kwargs), None
    except _runner.HookError as error:
        _logger.exception("%s", error)
        if context is not None:
            code, details = _runner.convert_hook_error_to_grpc_status(error)
            context.set_code(code)
            context.set_details(details)
        return default, error


hook_runner = ModuleType(f"{__name__}.hook_runner", _runner.__doc__)
vars(hook_runner).update(
    DEFAULT_HOOK_TIMEOUT=DEFAULT_HOOK_TIMEOUT,
    HookInvocationError=_runner.HookInvocationError,
    HookRunner=HookRunner,
    HookTimeoutError=_runner.HookTimeoutError,
    convert_hook_error_to_grpc_status=_runner.convert_hook_error_to_grpc_status,
    invoke_hook_safe=invoke_hook_safe,
    run_hook_async=run_hook_async,
)

# An import of `mattermost_plugin._internal.wrappers` looks here first, and finds it.
for _name in __all__:
    sys.modules[f"{__name__}.{_name}"] = globals()[_name]
