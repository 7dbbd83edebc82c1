"""One WebSocket of a user who is known.

What it says, what it hears and what becomes of its session run side by side; the first that ends takes the others
along. Events wait in a bounded queue: a client that does not keep up is disconnected.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import structlog
from starlette.websockets import WebSocket

from mattermost_plugin.models import Session, WebsocketBroadcast, WebSocketRequest
from servehttp.aio import first_completed
from servehttp.workspace.domains.base.system_properties import SERVER_VERSION
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.events import Event, Lagging, Subscription
from servehttp.workspace.ids import new_id
from servehttp.workspace.rest.errors import INTERNAL, UNAVAILABLE
from servehttp.workspace.rest.event_json import event_json, failure_json, reply_json
from servehttp.workspace.rest.json import from_json, parse_json
from servehttp.workspace.rest.visibility import Audiences, is_meant
from servehttp.workspace.rest.websocket_actions import FOR_PLUGINS, act
from servehttp.workspace.settings import RestSettings
from servehttp.workspace.store.outages import StoreUnavailable
from servehttp.workspace.workspace import Workspace

CHALLENGE = "authentication_challenge"

UNAUTHORISED = 1008
TOO_BIG = 1009
TOO_SLOW = 1013
"""Close codes."""

logger = structlog.get_logger("servehttp.rest")


class ConnectionClosed(Exception):
    """A connection is over.

    Attributes:
        code: what to close it with; 0 where the client has closed it.
    """

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


async def receive(socket: WebSocket, limit: int) -> WebSocketRequest:
    """The client's next message.

    Raises:
        ConnectionClosed: there is none, or it is larger than the limit.
        AppFailure: 400, it is no JSON, or no message.
    """
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise ConnectionClosed
    text: str = message.get("text") or ""
    if len(text.encode()) > limit:
        raise ConnectionClosed(TOO_BIG)
    return from_json(WebSocketRequest, parse_json(text))


class WebSocketConnection:
    """An open connection.

    Args:
        workspace: whose events it tells of.
        settings: limits and time-outs.
        audiences: know who may see an event.
        socket: accepted.
        session: whose it is.
        token: by which the session is looked up again: it may end while the connection is open.
        reply_to: the number of the message by which the client showed who it is; 0 where it needed none.
    """

    def __init__(
        self,
        workspace: Workspace,
        settings: RestSettings,
        audiences: Audiences,
        socket: WebSocket,
        session: Session,
        token: str,
        reply_to: int = 0,
    ) -> None:
        self.session = session
        self._workspace = workspace
        self._settings = settings
        self._socket = socket
        self._token = token
        self._reply_to = reply_to
        self._id = new_id()
        self._audiences = audiences
        self._sequence = 0
        self._sending = asyncio.Lock()
        self._changed = asyncio.Event()
        self._changes = self._checked = 0
        self.session_changed()  # as it may have, before anybody could tell

    async def run(self) -> None:
        """Serve it until it is over.

        Raises:
            ConnectionClosed: it is.
        """
        user_id = self.session.user_id
        events = self._workspace.events.subscribe(lambda event: is_meant(event, self._id, user_id))
        self._notify("OnWebSocketConnect")
        try:
            await self._send_hello()
            await first_completed(self._send_events(events), self._receive_requests(), self._watch_session())
        finally:
            self._workspace.events.unsubscribe(events)
            self._notify("OnWebSocketDisconnect")

    def session_changed(self) -> None:
        """Have the session looked up again before anything more is said or heard."""
        self._changes += 1
        self._changed.set()

    def _notify(self, hook: str, **fields: Any) -> None:
        self._workspace.hooks.notify(hook, web_conn_id=self._id, user_id=self.session.user_id, **fields)

    # To the client

    async def _send_hello(self) -> None:
        data = {"connection_id": self._id, "server_version": SERVER_VERSION}
        await self._send_event(Event("hello", data, WebsocketBroadcast(user_id=self.session.user_id)))
        if self._reply_to:
            await self._send(reply_json(self._reply_to))

    async def _send_events(self, events: Subscription) -> None:
        try:
            async for event in events:
                if await self._audiences.has(self.session.user_id, event):
                    await self._check_session()
                    await self._send_event(event)
        except Lagging:
            raise ConnectionClosed(TOO_SLOW) from None

    async def _send_event(self, event: Event) -> None:
        number, self._sequence = self._sequence, self._sequence + 1
        await self._send(event_json(event, number))

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._settings.websocket_send_timeout), self._sending:
                await self._socket.send_text(text)
        except TimeoutError:
            raise ConnectionClosed(TOO_SLOW) from None

    # The session

    async def _watch_session(self) -> None:
        """End the connection as soon as its session ends, be it that it is revoked or expires."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._lifetime()):
                    await self._changed.wait()
            self._changed.clear()
            await self._refresh_session()

    async def _check_session(self) -> None:
        if self._checked != self._changes:
            await self._refresh_session()

    async def _refresh_session(self) -> None:
        looked_at = self._changes
        try:
            self.session = await self._workspace.sessions.authenticate(self._token)
        except AppFailure:
            raise ConnectionClosed(UNAUTHORISED) from None
        self._checked = looked_at

    def _lifetime(self) -> float | None:
        """Seconds until the session expires; None if it never does."""
        ends = self.session.expires_at
        return max(ends - self._workspace.clock(), 0) / 1000 if ends else None

    # From the client

    async def _receive_requests(self) -> None:
        while True:
            try:
                request = await receive(self._socket, self._settings.websocket_message_size)
            except AppFailure as failure:
                await self._send(failure_json(0, failure))
                continue
            await self._check_session()
            await self._handle(request)

    async def _handle(self, request: WebSocketRequest) -> None:
        if request.action == CHALLENGE:  # holds a token, which is no plugin's business
            await self._send(reply_json(request.seq))
            return
        if not request.action.startswith(FOR_PLUGINS):
            await self._send(await self._answer(request))
        self._notify("WebSocketMessageHasBeenPosted", request=request)

    async def _answer(self, request: WebSocketRequest) -> str:
        try:
            return reply_json(request.seq, await act(self._workspace, self.session.user_id, request))
        except AppFailure as failure:
            return failure_json(request.seq, failure)
        except StoreUnavailable as error:
            logger.warning("WebSocket action not done", action=request.action, reason=str(error))
            return failure_json(request.seq, UNAVAILABLE)
        except Exception:
            logger.exception("WebSocket action failed", action=request.action)
            return failure_json(request.seq, INTERNAL)
