"""A plugin at endpoints that others start: those that there are now, as DNS or the settings say, are its replicas.

An endpoint that is new is connected to. One that DNS tells no more gets nothing new; what is open there goes on until
it ends or its connection is lost. While DNS does not answer, all stay.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from servehttp.errors import PluginStartError
from servehttp.plugins.replicas import ReplicatedPlugin
from servehttp.plugins.resolving import Found, ResolveError
from servehttp.plugins.states import PluginState

if TYPE_CHECKING:
    from servehttp.plugins.attached import RemoteEndpoint

log = structlog.get_logger("servehttp.plugins")


class Find(Protocol):
    """Says where the endpoints are."""

    def __call__(self) -> Awaitable[Found]:
        """Ask.

        Raises:
            ResolveError: that is not known.
        """
        ...


@dataclass(frozen=True)
class Pace:
    """How often it is asked, in seconds.

    Attributes:
        least: from one question to the next, however short an answer may be believed.
        most: however long.
    """

    least: float
    most: float


class RemotePlugin(ReplicatedPlugin):
    """One plugin, wherever it runs; a `PluginHandle`.

    Args:
        plugin_id: its id.
        find: says where it is.
        make: makes an endpoint of its number and its place.
        pace: how often that is asked.
    """

    def __init__(self, plugin_id: str, find: Find, make: Callable[[int, str], RemoteEndpoint], pace: Pace) -> None:
        self._find = find
        self._make = make
        self._pace = pace
        self._at: dict[str, RemoteEndpoint] = {}
        self._made = 0
        self._trouble: str | None = None
        self._looking: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        super().__init__(plugin_id)

    async def begin(self) -> None:
        """Look where it is, and connect to it there, from now on; returns when that was tried once."""
        if self._looking is None:
            self._trouble = None
            self._tried.clear()
            self._looking = asyncio.create_task(self._look_again_and_again(), name=f"endpoints of {self.id}")
            self._look()
        await self._tried.wait()

    async def stop(self) -> None:
        """Look no more, and leave every endpoint in order."""
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        self._tried.set()  # nothing more comes of it
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await super().stop()
        for endpoint in self.endpoints:
            self._drop(endpoint)
        self._look()

    @property
    def endpoints(self) -> list[RemoteEndpoint]:
        """All of them, those that are left among them, by number."""
        return list(self.replicas)  # type: ignore[arg-type]  # nothing else is added

    async def _look_again_and_again(self) -> None:
        while True:
            found: Found | None = None
            seconds, trouble = self._pace.least, None
            try:
                found = await self._find()
                seconds = min(max(found.ttl, seconds), self._pace.most)
            except ResolveError as error:
                trouble = str(error)
            if self._looking is not asyncio.current_task():  # `asyncio.wait_for` of Python 3.11 may lose a cancellation
                return
            self._note(trouble)
            if found is not None:
                self._apply(found)
            if not self._tried.is_set():
                self._own(self._try())
            await asyncio.sleep(seconds)

    async def _try(self) -> None:
        """Tell that all that was found at first has been tried."""
        own = asyncio.current_task()
        await asyncio.gather(*(task for task in self._tasks if task is not own), return_exceptions=True)
        self._tried.set()

    def _note(self, trouble: str | None) -> None:
        """Say once what is wrong, and once that it is over."""
        if trouble == self._trouble:
            return
        if trouble is not None:
            log.warning("endpoints are not known anew, and stay as they are", plugin=self.id, reason=trouble)
        else:
            log.info("endpoints are known again", plugin=self.id)
        self._trouble = trouble
        self._look()

    def _apply(self, found: Found) -> None:
        if found.more:
            log.warning("endpoints are too many, and some are left out", plugin=self.id, left_out=found.more)
        for place in self._at.keys() - set(found.places):
            self._own(self._leave(self._at.pop(place)))
        for place in found.places:
            if place not in self._at:
                self._made += 1
                endpoint = self._at[place] = self._make(self._made, place)
                self.add(endpoint)
                self._own(self._connect(endpoint))
        self._look()

    async def _connect(self, endpoint: RemoteEndpoint) -> None:
        with contextlib.suppress(PluginStartError):  # its log says why, and it is tried again for ever
            await endpoint.start()

    async def _leave(self, endpoint: RemoteEndpoint) -> None:
        log.info("an endpoint is told no more, and gets nothing new", plugin=self.id, endpoint=endpoint.place)
        await endpoint.depart()
        self._drop(endpoint)

    def _drop(self, endpoint: RemoteEndpoint) -> None:
        self._at = {place: other for place, other in self._at.items() if other is not endpoint}
        self.remove(endpoint)
        endpoint.forget()

    def _own(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an endpoint could not be changed", plugin=self.id, exc_info=error)

    def _whole(self) -> tuple[PluginState, str | None]:
        if self.replicas:
            return super()._whole()
        if self._looking is None:
            return PluginState.STOPPED, None
        if self._trouble is None:
            return PluginState.STARTING, None
        return PluginState.RESTARTING, self._trouble
