"""Which event loop a process of ours runs on: uvloop where it is installed, asyncio's own otherwise."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from mattermost_plugin.loggers import get_logger

Result = TypeVar("Result")

logger = get_logger("mattermost_plugin.server")


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a program's coroutine to its end, as `asyncio.run` does.

    `sys.exit()` in any task breaks out of the event loop with everything left as it is, threads of libraries included,
    which need not survive that. So `main` is cancelled then, the loop goes on until it has cleaned up, and the process
    exits after that.

    Raises:
        SystemExit: `main`, or any task, asked for it.
        KeyboardInterrupt: the same.
    """
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        task = runner.get_loop().create_task(main)
        try:
            return runner.run(_result(task))
        except (SystemExit, KeyboardInterrupt) as error:
            if not task.done():
                logger.critical("a task ends the process: %r", error, exc_info=True)
                _end(task, runner.get_loop())
            raise


async def _result(task: asyncio.Task[Result]) -> Result:
    return await task


def _end(task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop) -> None:
    """Cancel a task and wait for its end, though others break out of the loop meanwhile."""
    task.cancel()
    while not task.done():
        with contextlib.suppress(SystemExit, KeyboardInterrupt):
            loop.run_until_complete(asyncio.wait((task,)))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Makes an event loop; None for asyncio's own."""
    try:
        import uvloop  # optional, and absent on Windows
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
