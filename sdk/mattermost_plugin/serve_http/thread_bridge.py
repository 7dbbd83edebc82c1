"""Lets the thread of a sync handler wait for coroutines of the event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from typing import Any, TypeVar

from mattermost_plugin.exchange import ResetCode
from mattermost_plugin.exchange_reset import ExchangeReset

Result = TypeVar("Result")


def client_gone() -> ExchangeReset:
    """The error of reads and writes after the client has gone, an `OSError`."""
    return ExchangeReset(ResetCode.CANCELLED, "the client went away")


class ThreadBridge:
    """Runs coroutines of the event loop for a handler's thread, until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._running: set[concurrent.futures.Future[Any]] = set()
        self._closed = False

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Wait in the thread for what a coroutine returns.

        Raises:
            OSError: the bridge is closed; nobody waits for the handler any more.
        """
        if self._closed:
            coroutine.close()
            raise client_gone()
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._running.add(future)
        if self._closed:
            future.cancel()
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise client_gone() from None
        finally:
            self._running.discard(future)

    def close(self) -> None:
        """Let what waits, and what comes, raise in the thread."""
        self._closed = True
        for future in list(self._running):
            future.cancel()
