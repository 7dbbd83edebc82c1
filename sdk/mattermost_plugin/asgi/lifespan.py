"""The lifespan protocol: an application's start-up before the first request, its shutdown after the last."""

from __future__ import annotations

import asyncio
from typing import Any

from mattermost_plugin.loggers import get_logger
from mattermost_plugin.task_ends import current_task, ends_task
from mattermost_plugin.types import ASGIApp, Event

logger = get_logger("mattermost_plugin.asgi")


class LifespanError(Exception):
    """The application said that its start-up or shutdown failed; the text is its own."""


class Lifespan:
    """Runs one application's lifespan.

    An application that raises before it answered does not support the lifespan protocol, which is allowed.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._state: dict[str, Any] = {}
        self._events: asyncio.Queue[Event] = asyncio.Queue(maxsize=1)
        self._answers: asyncio.Queue[Event] = asyncio.Queue(maxsize=1)
        self._task: asyncio.Task[None] | None = None
        self._supported = False
        self._reported = False

    async def startup(self) -> dict[str, Any]:
        """Start the application up; returns the state it left for its requests.

        Raises:
            LifespanError: it said that it could not.
        """
        self._task = asyncio.create_task(self._run())
        try:
            await self._exchange("startup")
        except (LifespanError, asyncio.CancelledError):
            await self._end(self._task)
            raise
        return self._state

    async def shutdown(self) -> None:
        """Shut the application down, if it was started and still runs.

        Raises:
            LifespanError: it said that it could not.
        """
        if self._task is None:
            return
        try:
            await self._exchange("shutdown")
        finally:
            await self._end(self._task)

    @staticmethod
    async def _end(task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait((task,))

    async def _exchange(self, phase: str) -> None:
        """Send one event and wait for its answer, or for the end of an application that gives none."""
        assert self._task is not None
        if self._task.done():
            return
        await self._events.put({"type": f"lifespan.{phase}"})
        answer = asyncio.create_task(self._answers.get())
        try:
            await asyncio.wait((answer, self._task), return_when=asyncio.FIRST_COMPLETED)
            if answer.done() and answer.result()["type"] == f"lifespan.{phase}.failed":
                raise LifespanError(answer.result().get("message") or f"the application's {phase} failed")
        finally:
            answer.cancel()

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        task = current_task()
        try:
            await self._app(scope, self._events.get, self._answer)
        except BaseException as error:  # the border to the application
            if ends_task(error, task):
                raise
            self._note(error)

    async def _answer(self, event: Event) -> None:
        self._supported |= event["type"] == "lifespan.startup.complete"
        self._reported |= event["type"].endswith(".failed")
        await self._answers.put(event)

    def _note(self, error: BaseException) -> None:
        """What the application raised: to raise is also how one without lifespan support answers the start."""
        if self._reported:
            logger.debug("the application's lifespan ended after it had said that it failed", exc_info=error)
        elif self._supported:
            logger.error("the application's lifespan failed", exc_info=error)
        elif isinstance(error, Exception):
            logger.debug("the application has no lifespan, or failed in it", exc_info=error)
        else:
            self._answers.put_nowait({"type": "lifespan.startup.failed", "message": f"it raised {error!r}"})
