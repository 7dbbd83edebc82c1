"""Runs hook handlers, sync and async alike, each with a limit to its time."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mattermost_plugin.loggers import get_logger
from mattermost_plugin.runtime_config import DEFAULT_HOOK_TIMEOUT
from mattermost_plugin.statuses import Status
from mattermost_plugin.task_ends import current_task, ends_task

if TYPE_CHECKING:
    import grpc

SYNC_THREADS = 32
"""Sync handlers that run at a time. One that outlives its time-out keeps its thread until it returns; more wait for a
free one, and their time runs meanwhile."""

STATUS_BY_ERROR = (
    (ValueError, Status.INVALID_ARGUMENT),
    (PermissionError, Status.PERMISSION_DENIED),
    (FileNotFoundError, Status.NOT_FOUND),
    (NotImplementedError, Status.UNIMPLEMENTED),
)

logger = get_logger("mattermost_plugin.hooks")


class HookError(Exception):
    """A handler that did not come to a result."""


class HookTimeoutError(HookError):
    """A handler that took longer than it may."""

    def __init__(self, hook_name: str, timeout: float) -> None:
        super().__init__(f"Hook '{hook_name}' timed out after {timeout} seconds")
        self.hook_name = hook_name
        self.timeout = timeout


class HookInvocationError(HookError):
    """A handler that raised."""

    def __init__(self, hook_name: str, original_error: BaseException) -> None:
        super().__init__(f"Hook '{hook_name}' raised {type(original_error).__name__}: {original_error}")
        self.hook_name = hook_name
        self.original_error = original_error


class HookResultError(HookError):
    """A handler that returned what its hook does not know, or whose arguments could not be made."""

    def __init__(self, hook_name: str, original_error: BaseException) -> None:
        super().__init__(f"Hook '{hook_name}' gave no usable result: {original_error}")
        self.hook_name = hook_name
        self.original_error = original_error


class HookRunner:
    """Runs handlers; sync ones in threads of its own, so that nothing else waits for those.

    Args:
        timeout: seconds that a handler may take.
    """

    def __init__(self, timeout: float = DEFAULT_HOOK_TIMEOUT) -> None:
        self.timeout = timeout
        self._threads = ThreadPoolExecutor(SYNC_THREADS, "hook")
        self._free_threads = asyncio.Semaphore(SYNC_THREADS)
        self._busy = False

    async def run(
        self, hook_name: str, handler: Callable[..., Any], *args: Any, timeout: float | None = None, **kwargs: Any
    ) -> Any:
        """Call a handler, await it if it is async, and return its result.

        Cancelled, it cancels an async handler. A sync one cannot be cancelled: it goes on in its thread, unheard.

        Args:
            hook_name: for error messages.
            handler: the handler.
            *args: its arguments.
            timeout: seconds for this call instead of the runner's.
            **kwargs: its arguments.

        Raises:
            HookTimeoutError: it took too long; one in a thread goes on, unheard.
            HookInvocationError: it raised.
        """
        limit = self.timeout if timeout is None else timeout
        task = current_task()
        try:
            async with asyncio.timeout(limit) as clock:
                return await self._call(handler, args, kwargs)
        except BaseException as error:  # the border to the plugin's code; its caller logs and answers
            if ends_task(error, task):
                raise
            if clock.expired() and isinstance(error, TimeoutError):
                raise HookTimeoutError(hook_name, limit) from error
            raise HookInvocationError(hook_name, error) from error

    def close(self) -> None:
        """Start no handler any more; those that run in threads are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(self, handler: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(handler):
            return await handler(*args, **kwargs)
        context = contextvars.copy_context()
        result = await self._in_thread(lambda: context.run(handler, *args, **kwargs))
        return await result if inspect.isawaitable(result) else result

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        self._note_load()
        await self._free_threads.acquire()
        loop = asyncio.get_running_loop()
        try:
            future = self._threads.submit(call)
        except BaseException:
            self._free_threads.release()
            raise
        future.add_done_callback(lambda _: self._free_thread(loop))
        return await asyncio.wrap_future(future)

    def _note_load(self) -> None:
        busy = self._free_threads.locked()
        if busy and not self._busy:
            logger.warning("all %d threads for sync hook handlers are busy; more handlers wait", SYNC_THREADS)
        self._busy = busy

    def _free_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed while a handler went on in its thread
            loop.call_soon_threadsafe(self._free_threads.release)


def convert_hook_error_to_grpc_status(error: BaseException) -> tuple[grpc.StatusCode, str]:
    """The gRPC status and text for what went wrong in a hook."""
    from grpc import StatusCode  # here, because the SDK itself answers hooks without it

    return StatusCode[_status(error).name], str(error)


def _status(error: BaseException) -> Status:
    if isinstance(error, HookTimeoutError):
        return Status.DEADLINE_EXCEEDED
    original = error.original_error if isinstance(error, HookInvocationError) else error
    return next((status for kind, status in STATUS_BY_ERROR if isinstance(original, kind)), Status.INTERNAL)
