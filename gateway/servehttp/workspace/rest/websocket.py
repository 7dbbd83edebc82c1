"""The WebSocket at /api/v4/websocket: who comes in, by cookie, by bearer token, or by a challenge answered in time."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import chain

import structlog
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from mattermost_plugin.models import Session
from servehttp.identity import is_same_origin
from servehttp.workspace.domains.base.domain import REQUEST
from servehttp.workspace.domains.people.sessions import ANYBODY
from servehttp.workspace.errors import AppFailure, unauthorized
from servehttp.workspace.rest.access_lines import note
from servehttp.workspace.rest.auth import credentials
from servehttp.workspace.rest.event_json import failure_json
from servehttp.workspace.rest.json import value_of
from servehttp.workspace.rest.routes import PREFIX, of_session, request_context
from servehttp.workspace.rest.visibility import Audiences
from servehttp.workspace.rest.websocket_connection import (
    CHALLENGE,
    UNAUTHORISED,
    ConnectionClosed,
    WebSocketConnection,
    receive,
)
from servehttp.workspace.settings import RestSettings
from servehttp.workspace.store.outages import StoreUnavailable
from servehttp.workspace.workspace import Workspace

PATH = PREFIX + "/websocket"
TRY_AGAIN_LATER = 1013
"""The code of a connection that is closed because the store does not serve."""

logger = structlog.get_logger("servehttp.rest")


class WebSockets:
    """The WebSockets of one application.

    Args:
        workspace: whose events they tell of.
        settings: limits and time-outs.
    """

    def __init__(self, workspace: Workspace, settings: RestSettings) -> None:
        self._workspace = workspace
        self._settings = settings
        self._open: dict[str, set[WebSocketConnection]] = {}
        self._audiences = Audiences(workspace, self._open.keys)
        workspace.sessions.listen(self._sessions_changed)

    def route(self) -> WebSocketRoute:
        """Where they are served."""
        return WebSocketRoute(PATH, self._serve)

    async def _serve(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            await self._run(socket)
        except ConnectionClosed as closed:
            await self._close(socket, closed.code)
        except StoreUnavailable as error:
            logger.warning("WebSocket closed", reason=str(error))
            await self._close(socket, TRY_AGAIN_LATER)
        except WebSocketDisconnect:
            return  # while it was written to

    async def _close(self, socket: WebSocket, code: int) -> None:
        if code:
            with contextlib.suppress(TimeoutError, WebSocketDisconnect):
                async with asyncio.timeout(self._settings.websocket_send_timeout):
                    await socket.close(code)

    async def _run(self, socket: WebSocket) -> None:
        connection = await self._authenticated(socket)
        note(socket.scope, route=PATH, user=connection.session.user_id)
        token = REQUEST.set(of_session(request_context(socket), connection.session))
        try:
            await self._serve_open(connection)
        finally:
            REQUEST.reset(token)

    async def _serve_open(self, connection: WebSocketConnection) -> None:
        user_id = connection.session.user_id
        self._open.setdefault(user_id, set()).add(connection)
        try:
            await self._workspace.statuses.appear(user_id, "online")
            await connection.run()
        finally:
            self._open[user_id].remove(connection)
            if not self._open[user_id]:
                del self._open[user_id]
                await self._workspace.statuses.appear(user_id, "offline")

    def _sessions_changed(self, user_id: str) -> None:
        changed = chain(*self._open.values()) if user_id == ANYBODY else self._open.get(user_id, ())
        for connection in changed:
            connection.session_changed()

    # Who comes in

    async def _authenticated(self, socket: WebSocket) -> WebSocketConnection:
        found = credentials(socket)
        same_origin = is_same_origin(socket.headers.get("Origin"), socket.headers.get("Host", ""))
        if found is not None and (same_origin or not found.from_cookie):
            try:
                session = await self._workspace.sessions.authenticate(found.token)
            except AppFailure:
                return await self._challenged(socket)
            return self._connection(socket, session, found.token)
        return await self._challenged(socket)

    async def _challenged(self, socket: WebSocket) -> WebSocketConnection:
        try:
            async with asyncio.timeout(self._settings.websocket_auth_timeout):
                return await self._answered(socket)
        except (TimeoutError, AppFailure):
            raise ConnectionClosed(UNAUTHORISED) from None

    async def _answered(self, socket: WebSocket) -> WebSocketConnection:
        request = await receive(socket, self._settings.websocket_message_size)
        while request.action != CHALLENGE:
            await socket.send_text(failure_json(request.seq, _not_authenticated()))
            request = await receive(socket, self._settings.websocket_message_size)
        token = value_of(str, request.data.get("token"), "token")
        session: Session = await self._workspace.sessions.authenticate(token)
        return self._connection(socket, session, token, reply_to=request.seq)

    def _connection(self, socket: WebSocket, session: Session, token: str, reply_to: int = 0) -> WebSocketConnection:
        return WebSocketConnection(self._workspace, self._settings, self._audiences, socket, session, token, reply_to)


def _not_authenticated() -> AppFailure:
    return unauthorized("api.web_socket_router.not_authenticated.app_error", "Show who you are first.")
