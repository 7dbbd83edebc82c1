"""The console of one gateway: what its pages and its API are about, and when there is which of them."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

import structlog

from mattermost_plugin.types import ASGIApp, Receive, Scope, Send
from servehttp.aio import meanwhile
from servehttp.app import GatewayApp
from servehttp.console.actions import Actions
from servehttp.console.doors import Door, TicketDoor, WorkspaceDoor
from servehttp.console.overview import Overview
from servehttp.console.tickets import Tickets
from servehttp.console.watching import Watch
from servehttp.figures import Counter
from servehttp.logs import RECENT
from servehttp.requests_seen import Witness

APPLICATION = "servehttp.console.application"
"""Loaded when somebody comes: its libraries take time, and few starts of a gateway need them."""
SIGN_IN = "/console/signin"
MOST_REQUESTS = 1000
"""In which one is looked for by its id."""

T = TypeVar("T")

log = structlog.get_logger("servehttp.console")


class Server(Counter, Witness, Protocol):
    """Knows figures and requests of what serves HTTP."""


class Console:
    """The console of a gateway; ASGI for its paths.

    Args:
        gateway: which.
        server: knows what it has counted and seen.
        url: where the gateway is, without a slash at its end.

    Attributes:
        gateway: as given.
        witness: knows single requests.
        overview: tells of the gateway and its plugins.
        actions: what can be done to plugins.
        tickets: who may sign in, where there is no workspace.
        door: knows who comes.
    """

    def __init__(self, gateway: GatewayApp, server: Server, url: str) -> None:
        settings = gateway.settings.console
        self.gateway = gateway
        self.witness: Witness = server
        self._watch = Watch(gateway, server, settings.interval)
        self.overview = Overview(gateway, self._watch)
        self.actions = Actions(gateway.registry, self.overview)
        self.tickets = Tickets(settings.session_time) if gateway.host is None else None
        self.door: Door = _door(gateway, self.tickets)
        self._url = url
        self._app: ASGIApp | None = None
        self._stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            module = await asyncio.to_thread(importlib.import_module, APPLICATION)
            self._app = self._app or module.make_application(self)
        await self._app(scope, receive, send)

    def begin_to_stop(self) -> None:
        """End the streams of records."""
        self._stopping = True
        RECENT.nudge()

    async def until_stop(self, batches: AsyncIterator[T]) -> AsyncIterator[T]:
        """What comes, until the gateway stops."""
        async for batch in batches:
            if self._stopping:
                return
            yield batch

    def tell_link(self) -> None:
        """Log where to sign in once, where there is no workspace whose users do."""
        if self.tickets is not None:
            log.info("the console is at this link, which is good for one sign-in", url=self.link)

    @property
    def link(self) -> str:
        """Where to sign in, with the ticket for the next who does; where there is a workspace it needs none."""
        return (
            f"{self._url}/console/" if self.tickets is None else f"{self._url}{SIGN_IN}?ticket={self.tickets.current}"
        )

    async def trail(self, request_id: str) -> dict[str, Any] | None:
        """All that is known of a request: as it is seen, its line of the access log, and records that are about it."""
        seen = await self.witness.requests(MOST_REQUESTS)
        opened = next((each for each in seen.open if each.request_id == request_id), None)
        slow = next((each for each in seen.slowest if each.request_id == request_id), None)
        line, records = RECENT.request(request_id), RECENT.about(request_id)
        if opened is None and slow is None and line is None and not records:
            return None
        request = opened or slow
        return {
            "request_id": request_id,
            "open": opened is not None,
            "request": asdict(request) if request is not None else None,
            "access": {name: value for name, value in line.items() if name != "logger"} if line is not None else None,
            "records": [asdict(record) for record in records],
        }

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Be the gateway's console, and remember how it is; at the end what was begun is waited for."""
        self.gateway.show(self)
        self.tell_link()
        try:
            async with meanwhile(self._watch.run(), name="console"):
                yield
        finally:
            await self.actions.close()


def _door(gateway: GatewayApp, tickets: Tickets | None) -> Door:
    if gateway.host is not None:
        return WorkspaceDoor(gateway.host.identity)
    assert tickets is not None
    return TicketDoor(tickets)
